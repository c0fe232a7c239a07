// Fetches and sends through tunnels, and shows what came of it. `late.svg` holds the load event back until this is done.
'use strict';

const IMAGES = 24;
const UPLOAD = 4 * 1024 * 1024;

const show = (id, text) => { document.getElementById(id).textContent = text; };

async function sha256(bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function image(number) {
  const image = new Image();
  image.src = `image.svg?${number}`;
  document.body.append(image);
  await image.decode();
  return image.naturalWidth;
}

async function run() {
  const widths = await Promise.all(Array.from({ length: IMAGES }, (_, number) => image(number)));
  show('images', `${widths.length} of width ${new Set(widths).size === 1 ? widths[0] : widths}`);
  show('style', getComputedStyle(document.body).color);
  const big = await (await fetch('big')).arrayBuffer();
  show('down', await sha256(big));
  const answer = await fetch('sha256', { method: 'POST', body: big.slice(0, UPLOAD) });
  show('up', await answer.text());
}

run()
  .catch((error) => show('error', error))
  .finally(() => fetch('release', { method: 'POST' }));
