// An HTTP/2 proxy that ends tunnels, well or not. Its first line says on which port. The argument is a JSON object:
//   cert, key     files for TLS; without them it speaks HTTP/2 in the clear
//   act           what to do with a request for a tunnel, one of the functions below
//   code, status, fields   what some of them need
'use strict';

const fs = require('node:fs');
const http2 = require('node:http2');
const net = require('node:net');

const config = JSON.parse(process.argv[1]);
const { NGHTTP2_CONNECT_ERROR } = http2.constants;
const open = (stream, options) => stream.respond({ ':status': 200 }, options);

// Bytes that the tests know: position times 31, modulo 251.
const known = (length) => Buffer.from(Array.from({ length }, (_, position) => (position * 31) % 251));

function connect(stream, authority, opened) {
  const port = Number(authority.split(':').at(-1));
  const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.once('connect', () => {
    opened();
    stream.pipe(socket).pipe(stream);
  });
  socket.on('error', () => stream.close(NGHTTP2_CONNECT_ERROR));
  stream.on('error', () => socket.resetAndDestroy());
  stream.on('aborted', () => socket.resetAndDestroy());
}

const acts = {
  tunnel: (stream, authority) => connect(stream, authority, () => open(stream)),

  // Tells what had come before it answered: nothing may.
  late(stream, authority) {
    const early = (bytes) => console.log(`early ${bytes.length}`);
    stream.on('data', early);
    setTimeout(() => {
      stream.off('data', early);
      connect(stream, authority, () => open(stream));
    }, 500);
  },

  interim(stream, authority) {
    stream.additionalHeaders({ ':status': 102 });
    stream.additionalHeaders({ ':status': 103, link: '</x>; rel=preload' });
    connect(stream, authority, () => open(stream));
  },

  // The answer, bytes and the end in one write.
  glued(stream) {
    open(stream);
    stream.end(known(3000));
    stream.resume();
  },

  // Bytes, and a reset once something has come in.
  reset(stream) {
    open(stream);
    stream.write(known(3000));
    // Otherwise node ends the stream before it resets it.
    stream._final = () => {};
    stream.once('data', () => stream.close(config.code));
    stream.on('error', () => {});
  },

  // Bytes, the end, and the request to send no more (RFC 9113 §8.1).
  enough(stream) {
    open(stream);
    stream.end(known(3000));
    stream.once('finish', () => stream.close(http2.constants.NGHTTP2_NO_ERROR));
    stream.resume();
  },

  // A farewell to the session while its tunnel is in use.
  goaway(stream, authority, session) {
    connect(stream, authority, () => {
      open(stream);
      session.goaway(http2.constants.NGHTTP2_NO_ERROR);
    });
  },

  trailers(stream) {
    open(stream, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-trailer': 'y' }));
    stream.end(known(3000));
    stream.resume();
  },

  // The proxy ends under the tunnel, once something has come in.
  die(stream) {
    open(stream);
    stream.write(known(3000));
    stream.once('data', () => process.kill(process.pid, 'SIGKILL'));
  },

  refuse(stream) {
    stream.respond({ ':status': config.status, ...config.fields });
    stream.end('no tunnel\n');
    stream.resume();
  },
};

const secure = config.cert && {
  cert: fs.readFileSync(config.cert),
  key: fs.readFileSync(config.key),
};
const server = secure ? http2.createSecureServer(secure) : http2.createServer();
server.on('session', (session) => session.on('error', () => {}));
server.on('stream', (stream, fields) => {
  console.log(`request ${JSON.stringify(fields)}`);
  acts[config.act](stream, fields[':authority'], stream.session);
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
