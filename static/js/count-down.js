// @ts-check
/**
 * `<count-down until-ms="…" shape="in|left|clock">`: what is in it is shown until the script runs
 * (or while the moment is more than two days off, for `in`). It is never read out by itself.
 */
import { now } from './clock.js';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** @param {number} number */
const twoDigits = (number) => String(number).padStart(2, '0');

/** @param {number} left_ms @returns {{days: number, hours: number, minutes: number, seconds: number}} */
export function split(left_ms) {
  // Rounded up, so that "0" is shown when the moment has come and not before.
  const left = Math.max(0, Math.ceil(left_ms / SECOND_MS)) * SECOND_MS;
  return {
    days: Math.floor(left / DAY_MS),
    hours: Math.floor((left % DAY_MS) / HOUR_MS),
    minutes: Math.floor((left % HOUR_MS) / MINUTE_MS),
    seconds: Math.floor((left % MINUTE_MS) / SECOND_MS),
  };
}

/** @param {number} left_ms */
export function inWords(left_ms) {
  const { days, hours, minutes, seconds } = split(left_ms);
  if (days > 0) return `in ${days} d ${hours} h`;
  if (hours > 0) return `in ${hours} h ${minutes} min`;
  if (minutes > 0) return `in ${minutes} min ${twoDigits(seconds)} s`;
  return seconds > 0 ? `in ${seconds} s` : 'now';
}

/** @param {number} left_ms */
export function asLeft(left_ms) {
  const { days, hours, minutes, seconds } = split(left_ms);
  const allHours = days * 24 + hours;
  const start = allHours > 0 ? `${allHours}:${twoDigits(minutes)}` : String(minutes);
  return `${start}:${twoDigits(seconds)}`;
}

/** @param {number} left_ms @returns {HTMLElement} */
function asClock(left_ms) {
  const { days, hours, minutes, seconds } = split(left_ms);
  /** @type {[number, string][]} */
  const parts = [
    [hours, 'hours'],
    [minutes, 'minutes'],
    [seconds, 'seconds'],
  ];
  if (days > 0) parts.unshift([days, days === 1 ? 'day' : 'days']);
  const clock = document.createElement('span');
  clock.className = 'clock';
  for (const [number, unit] of parts) {
    const part = document.createElement('span');
    part.className = 'clock-part';
    const numberText = document.createElement('span');
    numberText.className = 'clock-number';
    numberText.textContent = twoDigits(number);
    const unitText = document.createElement('span');
    unitText.className = 'clock-unit';
    unitText.textContent = unit;
    part.append(numberText, ' ', unitText);
    clock.append(part, ' ');
  }
  return clock;
}

class CountDown extends HTMLElement {
  static observedAttributes = ['until-ms'];

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  connectedCallback() {
    this.setAttribute('role', 'timer');
    this.#show();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  attributeChangedCallback() {
    if (this.isConnected) this.#show();
  }

  #show() {
    clearTimeout(this.#timer);
    const until_ms = Number(this.getAttribute('until-ms'));
    if (!until_ms) return;
    const left_ms = until_ms - now();
    const shape = this.getAttribute('shape') ?? 'in';
    if (shape === 'clock') this.replaceChildren(asClock(left_ms));
    else if (shape === 'left') this.textContent = asLeft(left_ms);
    else if (left_ms < 2 * DAY_MS) this.textContent = inWords(left_ms);
    // Wake when the second that is shown is over.
    const next_ms = ((left_ms % SECOND_MS) + SECOND_MS) % SECOND_MS || SECOND_MS;
    if (left_ms > 0) this.#timer = setTimeout(() => this.#show(), next_ms + 5);
  }
}

customElements.define('count-down', CountDown);
