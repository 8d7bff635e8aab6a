import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const packageDir = fileURLToPath(new URL('..', import.meta.url));
export const sourceDir = join(packageDir, 'src');
export const distDir = join(packageDir, 'dist');
