import type { OomProfileFile } from '../../../shared/oom-profile.files.js';

/** For the index page: what processes have left behind when they ran out of memory. @internal */
export function oomTable(files: readonly OomProfileFile[]): string {
  if (files.length === 0) {
    return '';
  }
  const rows = files.map(
    ({ name, pid, writtenAt, bytes }) =>
      `<tr><td><a href="oom/${name}">${name}</a></td><td>pid ${pid}, ${writtenAt.toISOString()}, ${bytes} bytes</td></tr>`,
  );
  return `<h2>Heap profiles of processes that ran out of memory</h2>
<table>
${rows.join('\n')}
</table>
`;
}
