import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

/**
 * Sends lines as they are and reads until the server closes: what no HTTP client would send. Without an end of its own, which Node's
 * server takes for a client that leaves: where it has to wait for its turn, it is not answered any more.
 */
export async function rawRequest(url: string, ...lines: string[]): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write([...lines, 'Connection: close', '', ''].join('\r\n'));
  return text(socket);
}
