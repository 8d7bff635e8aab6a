import { describe, expect, it } from '@jest/globals';
import { AddonUnavailableError } from './agent.errors.js';

describe('AddonUnavailableError', () => {
  it('says for which platform and Node, in the first line of the reason, and what to do', () => {
    const cause = new Error('No native build was found\nRequire stack:\n- /app/x.js');
    const error = new AddonUnavailableError(cause);
    expect(error).toMatchObject({ status: 503, cause });
    expect(error.message).toContain(`${process.platform}-${process.arch}, Node ${process.version}`);
    expect(error.message).toContain(': No native build was found. Reinstall');
    expect(error.message).not.toContain('\n');
  });

  it('names the file that may not be read, where the permission model is on', () => {
    const denied = Object.assign(new Error('Access to this API has been restricted.'), {
      code: 'ERR_ACCESS_DENIED',
      permission: 'FileSystemRead',
      resource: '/etc/alpine-release',
    });
    expect(new AddonUnavailableError(denied).message).toContain(
      'without --allow-fs-read=/etc/alpine-release',
    );
    const disabled = Object.assign(new Error('x'), { code: 'ERR_DLOPEN_DISABLED' });
    expect(new AddonUnavailableError(disabled).message).toContain(
      'without --allow-addons, or with --no-addons',
    );
  });

  it('copes with a reason that is no error', () => {
    expect(new AddonUnavailableError('odd').message).toContain(': odd. Reinstall');
  });
});
