// @ts-check
/** Links between the account pages keep where the visitor wanted to go in the first place. */

export function keepNext() {
  const next = new URLSearchParams(location.search).get('next');
  if (!next) return;
  for (const link of document.querySelectorAll('a[data-keep-next]')) {
    const path = link.getAttribute('href');
    link.setAttribute('href', `${path}?next=${encodeURIComponent(next)}`);
  }
}
