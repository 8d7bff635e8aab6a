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

  it('copes with a reason that is no error', () => {
    expect(new AddonUnavailableError('odd').message).toContain(': odd. Reinstall');
  });
});
