// Old syntax on purpose: every Node that knows modules gets as far as the sentence.
const have = process.versions.node.split('.').map(Number)

if (have[0] < 20 || (have[0] === 20 && have[1] < 19)) {
  console.error('hone needs Node 20.19 or newer, and this is Node ' + process.versions.node + '. Get a newer one from https://nodejs.org and run this again.')
  process.exitCode = 1
} else {
  import('./setup/main.mjs').then((main) => {
    process.exitCode = main.setup(process.argv.slice(2))
  })
}
