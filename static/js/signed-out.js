// @ts-check
/** Whoever left is not signed in, whatever an earlier page has noted. */
import { remember } from './session.js';

remember(null);
