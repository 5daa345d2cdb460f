// @ts-check
/** What every page starts: the account in the header, times by the visitor's own calendar. */
import './account-menu.js';
import { showLocalTimes } from './formats.js';

showLocalTimes();
