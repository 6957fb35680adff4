#!/usr/bin/env python3
"""Write wick as two files, wick.h and wick.c, to be dropped into another program:  cc -O2 app.c wick.c -lm -lpthread

Usage: amalgamate.py SOURCE BUILD OUT      BUILD has the generated trace.h; OUT is a folder

All instruction sets are inside; functions of one are compiled for it by pragmas. Headers come first, each once; then
every source file as a section. What a section has for itself (static functions, local types) and others know by another
meaning is renamed after its file: `shape` of op/linear.c becomes `linear__shape`.
"""
import collections
import pathlib
import re
import sys

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include "([^"]+)"[^\n]*\n', re.M)
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|[A-Za-z_]\w*|\.\.\.|->|##|\s+|.',
                   re.S)
NAME = re.compile(r'[A-Za-z_]\w*\Z')
# A name before its parameters, size or value; or, of a pointer to a function, behind (* or (*const.
STATIC = re.compile(r'^(?:\w+ )*?(?:static|INLINE|NOINLINE)\b[^;=(]*?'
                    r'(?:\b(\w+)(?=\s*(?:[\[;=]|\((?!\s*\*)))|\(\s*\*\s*(?:const\s+)?(\w+))', re.M)
ATTRIBUTE = re.compile(r'__attribute__\s*\(\(.*?\)\)\s*')
DEFINE = re.compile(r'^[ \t]*#[ \t]*define[ \t]+(\w+)', re.M)


# Headers of one section: others mean something else by their names.
PRIVATE = ('kernel/vec_', 'kernel/ref_math.h', 'kernel/ref_whole.h')


class Tree:
    """The sources, with includes by the project's own paths."""

    def __init__(self, source, build):
        self.roots = [source / 'src', source / 'include', build / 'include']
        self.seen = set()

    def read(self, name):
        for root in self.roots:
            if (root / name).is_file():
                return (root / name).read_text()
        raise SystemExit(f'amalgamate: no file {name}')

    def expand(self, text, headers):
        """`text` with its includes in their places. Headers go to `headers` instead, each once; None: into the text."""
        def put(match):
            name = match.group(1)
            if not name.endswith('.h') or name.startswith(PRIVATE):
                return self.expand(self.read(name), headers)
            if name in self.seen:
                return ''
            self.seen.add(name)
            body = self.expand(self.read(name), headers)
            if headers is None:
                return body
            headers.append(body)
            return ''
        return INCLUDE.sub(put, text)


def braces(text):
    """The text outside of all braces, but for the enumerators, which are names of the file too."""
    depth, out, enum = 0, [], False
    for token in TOKEN.findall(text):
        if token.startswith(('/*', '//', '"')):
            continue
        if token == '{':
            enum = enum or (depth == 0 and re.search(r'\benum\s*\w*\s*\Z', ''.join(out[-8:])) is not None)
            depth += 1
        elif token == '}':
            depth -= 1
            enum = enum and depth > 0
            out.append('{}' if depth == 0 else '')
            continue
        if depth == 0 or enum:
            out.append(token)
    return ''.join(out)


def names_of(text):
    """Names that the file defines for itself: static functions and data, types, tags, enumerators.

    >>> sorted(names_of('static int f(int (*g)(int)) { return g(1); }\\nstatic const char *const words[] = {"a"};\\n'))
    ['f', 'words']
    >>> sorted(names_of('static inline __attribute__((always_inline)) void g(int x) { }'))
    ['g']
    >>> sorted(names_of('static void (*run[])(int) = {f};\\nstatic bool (*const pick[2][3])(int);\\n'))
    ['pick', 'run']
    >>> sorted(names_of('typedef void loop(int n);\\nstruct pair { int x; };\\nenum { FEW = 3, MANY };'))
    ['FEW', 'MANY', 'loop', 'pair']
    """
    outer = braces(re.sub(r'^[ \t]*#(?:[^\n\\]|\\.|\\\n)*', '', text, flags=re.M))
    outer = ATTRIBUTE.sub('', outer)
    names = {name for either in STATIC.findall(outer) for name in either if name}
    names |= set(re.findall(r'\btypedef\b[^;]*?(\w+)\s*(?:\([^;]*\))?(?:\[[^;]*\])?;', outer))
    names |= set(re.findall(r'\b(?:struct|union|enum) (\w+)\s*\{', outer))
    for body in re.findall(r'\benum\s*\w*\s*\{([^{}]*)\{\}', outer):
        names |= set(re.findall(r'(?:^|,)\s*(\w+)', body))
    return names - {'struct', 'union', 'enum', 'inline', 'const'}


def rename(text, new):
    """Renames tokens, but for members after a dot or an arrow, and where a struct declares them."""
    out, before, structs, depth = [], '', [], 0
    tokens = TOKEN.findall(text)
    for i, token in enumerate(tokens):
        if token in new and before not in ('.', '->') and not (structs and declares(tokens, i)):
            token = new[token]
        elif token == '{':
            depth += 1
            if re.search(r'\b(?:struct|union)\s*\w*\s*\Z', ''.join(out[-6:])):
                structs.append(depth)
        elif token == '}':
            if structs and structs[-1] == depth:
                structs.pop()
            depth -= 1
        out.append(token)
        if not token.isspace():
            before = token
    return ''.join(out)


def declares(tokens, i):
    """Is the token the name of a member that is declared here?"""
    rest = ''.join(tokens[i + 1:i + 3])
    return re.match(r'\s*[;,\[]|\)\(', rest) is not None


def pasted(text, stem):
    """Names made by pasting, simd_##name, differ by section when their beginnings do."""
    prefixes = set(re.findall(r'\b([a-z]\w*_)[ ]?##', text)) - {'wk__ref_', 'wk_'}
    for prefix in prefixes:
        text = re.sub(rf'(?<![\w.>]){prefix}(?=\w|##| ##)', f'{stem}_{prefix}', text)
    return text


def put_together(text):
    """Names that op##_forward makes somewhere, and what they are made of: these keep their names."""
    ends, words = set(re.findall(r'##[ ]?(_[a-z]\w*)', text)), set(re.findall(r'\w+', text))
    made = {word for word in words if any(word.endswith(end) for end in ends)}
    return made | {word for word in words if any(word + end in made for end in ends)}


def sections(tree, order):
    headers, found = [], []
    for path in order:
        found.append((path, tree.expand(tree.read(path), headers)))
    return headers, found


def section(path, text, clashing):
    stem = pathlib.Path(path).stem
    isa = re.match(r'simd_(\w+)', stem)
    if isa:
        text = pasted(text, isa.group(1))
    mine = (names_of(text) & clashing) - (put_together(text) if path.startswith('op/') else set())
    own = path.rsplit('.', 1)[0].replace('/', '_')  # nn/lstm.c and op/lstm.c differ
    text = rename(text, {name: f'{own}__{name}' for name in mine})
    undefined = ''.join(f'#undef {name}\n' for name in sorted(set(DEFINE.findall(text))))
    text = f'/* {"-" * (110 - len(path))} {path} --- */\n{text}{undefined}'
    if not isa:
        return text
    if isa.group(1) == 'neon':
        return f'#ifdef WK_ON_ARM\n{text}#endif\n'
    flags = {'avx2': 'avx2,fma,f16c', 'avx512': 'avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,f16c'}[isa.group(1)]
    return f'''#ifdef WK_ON_X86
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("{flags}"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("{flags}")
#endif
{text}#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
'''


PROLOGUE = '''/* wick.c -- wick {version}, define-by-run deep learning in C, as one file, made by tools/amalgamate.py:
 *
 *     cc -O2 app.c wick.c -lm -lpthread
 *
 * {licence}
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#elif defined(__GNUC__)
#ifdef __aarch64__
#include <arm_neon.h>
#endif
#pragma GCC diagnostic ignored "-Wunused-const-variable" /* tables of vector kernels that are not here */
#endif
#ifdef WK_CBLAS
#include <cblas.h>
#endif
/* What is rounded twice in the source is rounded twice in the program. */
#if defined(__clang__)
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif
#include "wick.h"
'''


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__.split('\n\n')[1])
    source, build, out = map(pathlib.Path, sys.argv[1:])
    tree = Tree(source, build)
    public = tree.expand('#include "wick.h"\n', None)
    listed = (build / 'sources.txt').read_text().split()
    order = sorted(listed, key=lambda path: path == 'kernel/ref.c')  # last: <tgmath.h> changes what follows it
    headers, files = sections(tree, order)
    words = collections.Counter(word for _, text in files for word in set(re.findall(r'\w+', text)))
    words.update(set(re.findall(r'\w+', ''.join(headers))))
    clashing = {name for _, text in files for name in names_of(text)
                if words[name] > 1 and not name.startswith(('wk_', 'WK_'))}
    version = re.search(r'WK_VERSION_STRING "([^"]+)"', public).group(1)
    licence = (source / 'LICENSE').read_text().strip().replace('\n', '\n * ')
    out.mkdir(parents=True, exist_ok=True)
    (out / 'wick.h').write_text(public)
    body = PROLOGUE.replace('{version}', version).replace('{licence}', licence.replace(' \n', '\n'))
    (out / 'wick.c').write_text('\n'.join([body, *headers, *(section(p, t, clashing) for p, t in files)]))


if __name__ == '__main__':
    main()
