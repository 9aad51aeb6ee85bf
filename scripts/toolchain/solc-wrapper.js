#!/usr/bin/env node
'use strict';
// The command line of the native compiler, as far as forge, py-solc-x and ape use it
// (--version, --standard-json), over the npm package solc. install.sh sets SOLC_NPM_ROOT.
const fs = require('fs');
const path = require('path');

const npmRoot = process.env.SOLC_NPM_ROOT;
const solcDir = path.join(npmRoot, 'solc');
const argv = process.argv.slice(2);

if (argv.includes('--version')) {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${longVersion()}.Emscripten.clang\n`);
} else if (argv.includes('--standard-json')) {
  standardJson(parse(argv));
} else {
  process.stderr.write('solc wrapper: only --version and --standard-json are served\n');
  process.exitCode = 1;
}

// Loading the compiler takes half a second and py-solc-x asks for the version before every call: remember it.
function longVersion() {
  const file = path.join(solcDir, '.solc-version');
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch {
    const version = require(solcDir).version().replace('.Emscripten.clang', '');
    fs.writeFileSync(file, version + '\n');
    return version;
  }
}

function parse(args) {
  const options = { roots: [], input: null };
  let base = '.';
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--base-path') base = args[++i];
    else if (args[i] === '--include-path') options.roots.push(args[++i]);
    else if (args[i] === '--allow-paths') i++;
    else if (!args[i].startsWith('-')) options.input = args[i];
  }
  // The last root is the repository: ape compiles a copy of contracts/ that lies elsewhere.
  options.roots = [base, ...options.roots, path.dirname(npmRoot)];
  return options;
}

function standardJson({ roots, input }) {
  const find = (name) => {
    for (const file of path.isAbsolute(name) ? [name] : roots.map((root) => path.join(root, name))) {
      try {
        return { contents: fs.readFileSync(file, 'utf8') };
      } catch {}
    }
    return { error: `File not found: ${name}. Searched: ${roots.join(', ')}` };
  };

  const request = JSON.parse(fs.readFileSync(input ?? 0, 'utf8'));
  for (const source of Object.values(request.sources ?? {})) {
    if (source.content !== undefined || !source.urls) continue;
    const found = source.urls.map(find).find((result) => result.contents !== undefined);
    if (found) {
      source.content = found.contents;
      delete source.urls;
    }
  }
  write(withSignedIds(require(solcDir).compile(JSON.stringify(request), { import: find })));
}

// soljson is a 32-bit build: built-ins such as msg get the AST id 4294967268 where the native compiler prints -28.
function withSignedIds(output) {
  const signed = (id) => String(+id > 0x7fffffff ? +id - 0x100000000 : +id);
  return output
    .replace(/"referencedDeclaration":(\d{10})\b/g, (_, id) => `"referencedDeclaration":${signed(id)}`)
    .replace(/"overloadedDeclarations":\[([\d,]+)\]/g, (_, ids) => `"overloadedDeclarations":[${ids.split(',').map(signed)}]`);
}

// The output is larger than a pipe holds: write on until the reader has taken all of it.
function write(text) {
  const bytes = Buffer.from(text);
  for (let offset = 0; offset < bytes.length; ) {
    try {
      offset += fs.writeSync(1, bytes, offset);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}
