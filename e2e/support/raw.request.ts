import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

/** Sends lines as they are and reads until the server closes: what no HTTP client would send. */
export async function rawRequest(url: string, ...lines: string[]): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.end([...lines, 'Connection: close', '', ''].join('\r\n'));
  return text(socket);
}
