import { findBrowser } from '../../src/checks.ts'

/** Sets Jupyter up as the conformance tests have it, once there is a browser. */
if (findBrowser() === undefined) {
  console.error('The browser tests need Chromium on the PATH, and none was found. On Debian: apt-get install chromium.')
  process.exitCode = 1
} else {
  await import('../conformance/set-up.ts')
}
