import { createRequire } from 'node:module'
import { PROTOCOL_VERSION } from './protocol.ts'

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }

/** Content of kernel_info_reply. JupyterLab highlights by the language's name when no codemirror_mode is given. */
export const kernelInfo = {
  status: 'ok',
  protocol_version: PROTOCOL_VERSION,
  implementation: 'hone',
  implementation_version: version,
  language_info: {
    name: 'typescript',
    version: '7.0',
    mimetype: 'text/x.typescript',
    file_extension: '.ts',
    pygments_lexer: 'typescript',
    nbconvert_exporter: 'script',
  },
  banner: `hone ${version}: TypeScript on Node.js ${process.version}. %lsmagic lists the magics.`,
  debugger: false,
  supported_features: ['kernel subshells'],
  help_links: [{ text: 'TypeScript handbook', url: 'https://www.typescriptlang.org/docs/handbook/' }],
}
