// @ts-check
/** The kernel's own code, as WebAssembly: text in, text out, in the three steps of `edge/browser`. */

/**
 * @typedef {object} Kernel
 * @property {WebAssembly.Memory} memory
 * @property {(bytes: number) => number} room
 * @property {() => number} told
 * @property {(...numbers: number[]) => number} search first counter, tries
 * @property {(...numbers: number[]) => number} verify
 */
/** @typedef {(name: 'search' | 'verify', text: string, ...numbers: number[]) => any} Call */

/**
 * Loads it once for whoever asks; fails where the browser cannot, or may not, run it.
 * @returns {Promise<Call>}
 */
export async function loadKernel() {
  const response = await fetch(new URL('./kernel.wasm', import.meta.url));
  if (!response.ok) throw new Error(`the kernel is not there: ${response.status}`);
  const { instance } = await WebAssembly.instantiateStreaming(response);
  const kernel = /** @type {Kernel} */ (/** @type {unknown} */ (instance.exports));

  return (name, text, ...numbers) => {
    const bytes = new TextEncoder().encode(text);
    const room = kernel.room(bytes.length);
    if (room === 0) throw new RangeError('the text is too long');
    // A view is taken anew each time: memory that has grown is another buffer.
    new Uint8Array(kernel.memory.buffer, room, bytes.length).set(bytes);
    const length = kernel[name](...numbers);
    const told = new Uint8Array(kernel.memory.buffer, kernel.told(), length);
    return JSON.parse(new TextDecoder().decode(told));
  };
}
