export function nextSteps({ app, pprof }) {
  const port = new URL(pprof).port;
  const profiles = `http://127.0.0.1:${port}/debug/pprof`;
  return `
All profiles, described:   ${profiles}/

With Go installed:
  go tool pprof '${profiles}/profile?seconds=10'
  go tool pprof ${profiles}/heap

Leak 40 MB, find it in the heap profile, let it go:
  curl -X POST '${app}/sessions?count=400&kilobytes=100'
  go tool pprof ${profiles}/heap
  curl -X DELETE ${app}/sessions

Block the event loop for half a minute, and look at it meanwhile from a second terminal:
  curl -X POST '${app}/faults/block?kind=loop&ms=30000'
  curl '${profiles}/profile?seconds=5&format=text'
  (also kind=regex, json, native, busy, forever)

What it was, when it is over:
  curl '${profiles}/incidents'

From your own machine, when this runs on another one:
  ssh -L ${port}:127.0.0.1:${port} user@host

Switched by PPROF_ENABLED, PPROF_HOST and PPROF_PORT: see apps/example/.env.example
`;
}
