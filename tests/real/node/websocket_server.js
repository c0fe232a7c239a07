// A WebSocket server that echoes. With the subprotocol `tuncat` an empty message ends the client's direction, and is answered
// with a last one and an end of ours.
const { WebSocketServer } = require('ws');
const { halves } = JSON.parse(process.argv[1]);

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  maxPayload: 1 << 30,
  perMessageDeflate: true,
  handleProtocols: (offered) => halves && offered.has('tuncat') && 'tuncat',
});
server.on('listening', () => console.log('listening ' + server.address().port));
server.on('connection', (socket, request) => {
  console.log('request ' + JSON.stringify({ path: request.url, ...request.headers }));
  socket.on('message', (data, binary) => {
    if (!binary) socket.close(1003);
    else if (socket.protocol && data.length === 0) {
      socket.send('the end', { binary: true });
      socket.send('', { binary: true });
    } else {
      // In fragments, too.
      socket.send(data.subarray(0, 3), { binary: true, fin: data.length <= 3 });
      if (data.length > 3) socket.send(data.subarray(3), { binary: true, fin: true });
    }
  });
  socket.on('ping', () => console.log('ping'));
  socket.on('close', (code) => console.log('closed ' + code));
});
