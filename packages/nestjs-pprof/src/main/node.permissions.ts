/**
 * Whether Node's permission model, where it is on, lets this process do something. Node 20 and 22 know no `inspector`, and
 * so never allow it.
 * https://nodejs.org/api/permissions.html
 *
 * @internal
 */
export function isPermitted(scope: 'worker' | 'inspector'): boolean {
  const { permission } = process as { permission?: { has(scope: string): boolean } };
  return permission === undefined || permission.has(scope);
}
