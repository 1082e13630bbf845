"""jupyter_kernel_test's check of the messages that front ends send, on the hone kernel. No sample may be empty: it would skip its test."""

import jupyter_kernel_test

DISPLAY = "display({ [Symbol.for('Jupyter.display')]: () => (%s) })"


class HoneTests(jupyter_kernel_test.KernelTests):
    kernel_name = "hone"
    language_name = "typescript"
    file_extension = ".ts"

    code_hello_world = "console.log('hello, world')"
    code_stderr = "console.error('a warning')"
    code_generate_error = "throw new RangeError('too far')"

    completion_samples = [
        {"text": "Number.isSafe", "matches": ["isSafeInteger"]},
        {"text": "const copy = structuredCl", "matches": ["structuredClone"]},
        {"text": "'😀'; process.argv0", "matches": ["argv0"]},
    ]
    complete_code_samples = [
        "1 + 1",
        "const n: number = 1",
        "enum Colour { Red, Green }",
        "await Promise.resolve(1)",
        "for (const i of [1, 2]) {\n  console.log(i)\n}",
        "import { readFile } from 'node:fs/promises'",
        "%time 1 + 1",
        "!ls",
        "Math?",
    ]
    incomplete_code_samples = ["function f() {", "[1, 2,", "const f = (a: number,", "console.log(`a template", "/* a comment"]
    invalid_code_samples = ["const = 3", "1 2", "let a: number = = 1", "}"]

    code_page_something = "Math.max?"
    code_clear_output = "console.log('soon gone'); clearOutput()"
    code_inspect_sample = "process.version"

    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": "const greeting: string = 'hello'\ngreeting.length", "result": "5"},
        {"code": "[{ layer: 'conv1', parameters: 1792 }]", "mime": "text/html"},
        {"code": "await Promise.resolve('late')", "result": "'late'"},
    ]
    code_display_data = [
        {"code": DISPLAY % "{ 'text/html': '<b>bold</b>' }", "mime": "text/html"},
        {"code": DISPLAY % "{ 'image/png': new Uint8Array([137, 80, 78, 71]) }", "mime": "image/png"},
        {"code": "display.markdown('*text*')", "mime": "text/markdown"},
        {"code": "display.svg('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')", "mime": "image/svg+xml"},
    ]
    code_history_pattern = "6 ? 7"
    supported_history_operations = ("tail", "range", "search")


class HoneIopubWelcomeTests(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "hone"
    support_iopub_welcome = True
