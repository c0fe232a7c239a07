// A WebSocket client: sends what it is told to in messages of many sizes, wants it back, and ends one direction or both.
const { createHash, randomBytes } = require('crypto');
const WebSocket = require('ws');
const { url, halves, count } = JSON.parse(process.argv[1]);

const options = { maxPayload: 1 << 30 };
const socket = new WebSocket(url, halves ? ['other', 'tuncat'] : [], options);
const data = randomBytes(count);
const hash = createHash('sha256');
let got = 0;
socket.on('open', () => {
  console.log('protocol ' + socket.protocol);
  for (let at = 0, n = 0; at < count; n++) {
    const size = [1, 100, 5000, 100000][n % 4];
    const piece = data.subarray(at, at + size);
    // Every third in fragments, and pings between.
    if (n % 3 === 0 && piece.length > 3) {
      socket.send(piece.subarray(0, 3), { binary: true, fin: false });
      socket.ping('between');
      socket.send(piece.subarray(3), { binary: true, fin: true });
    } else socket.send(piece, { binary: true });
    at += size;
  }
  if (halves) socket.send('', { binary: true });
});
socket.on('message', (message) => {
  if (message.length === 0) return socket.close(1000);
  hash.update(message);
  got += message.length;
  if (got === count && !halves) socket.close(1000);
});
socket.on('close', (code) => {
  const same = hash.digest('hex') === createHash('sha256').update(data).digest('hex');
  console.log(`closed ${code} ${got} ${same}`);
});
