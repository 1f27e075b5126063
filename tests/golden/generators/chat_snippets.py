"""Small templates for tests/golden/generators/chat.py: what the language of chat templates computes."""

VARIABLES = {
    "x": 7, "f": 2.5, "t": True, "n": None, "s": "Hello, World", "e": "", "u": "\u00e9\u4f60\U0001f600a", "l": [3, 1, 2], "w": "  a b  c ",
    "d": {"b": 1, "a": {"c": [1, 2, {"z": "deep"}]}, "items": "own"}, "rows": [{"n": "x", "v": 2}, {"n": "Y", "v": 1}, {"n": "z"}],
    "words": ["b", "A", "c"], "empty": [], "big": 9007199254740993, "small": 1e-7, "large": 1e22, "q": "it's \"q\" \\ \n\t\x01\u200b\u00ad"}

SNIPPETS = [
    # Printing.
    "{{ x }} {{ f }} {{ t }} {{ n }} {{ s }} {{ e }} {{ l }} {{ d }} {{ missing }}", "{{ (1, 'a') }} {{ (1,) }} {{ () }} {{ [] }} {{ {} }}",
    "{{ small }} {{ large }} {{ big }} {{ 1e16 }} {{ 123456789012345680.0 }} {{ 0.1 + 0.2 }} {{ 1.0 }} {{ 3e0 }} {{ 1_000 }}", "{{ [q] }} {{ [u] }}",
    "{{ 'a' 'b' }} {{ 'it\\'s' }} {{ \"\\u00e9\\x41\\101\\n\\q\" }}", "{{ [true, none, 1.5, 'x'] }} {{ [missing] }}",
    # White space.
    "a\n{% if t %}\nb\n{% endif %}\nc\n", "  {% if t %}  x  {% endif %}  \n  y", "a  {%- if t -%}  b  {%- endif -%}  c", "a  {%+ if t %} b {% endif +%}\n c",
    "{{ 'a' }}\n{{ 'b' }}\n", "a {{- 'b' -}} c", "  {# comment #}\nx {#- c -#} y\n{# a\nb #}\nz", "a\n   {{ 'b' }}\n   {% set y = 1 %}\n   c",
    "{% raw %} {{ x }} {% if %} {% endraw %}\nz", "a {%- raw -%} {{ b }} {%- endraw -%} c", "\n\n{% if t %}\n\nx\n\n{% endif %}\n\n", "a\r\nb\rc\n\n",
    "x{% for i in l %}\n  {{ i }}\n{% endfor %}y", "\u00a0{% if t %}\u00a0{%- endif %}\u2003{%- if t %}{% endif %}|", "{{- 5 }} {{+ 5 }} {{ -5 }}",
    "{% for i in l -%}\n   {{ i }},\n{%- endfor %}", "\x0b {% if t %}\x0by{% endif %}",
    # Numbers.
    "{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % -3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 6 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ -2 ** 2 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }}",
    "{{ 1 + 2 * 3 - 4 }} {{ (1 + 2) * 3 }} {{ 2 ** 3 ** 2 }} {{ +x }} {{ -f }} {{ --x }} {{ true + 1 }} {{ 10 - 3 - 2 }} {{ 1 - -1 }}", "{{ 1 / 0 }}", "{{ 1 % 0 }}", "{{ x + s }}", "{{ s + x }}",
    "{{ s * 2 }} {{ 2 * l }} {{ l + [4] }} {{ s * -1 }}|", "{{ n + 1 }}", "{{ missing + 1 }}", "{{ 'a' + missing }}", "{{ -s }}", "{{ 1 < 'a' }}", "{{ n < 1 }}",
    "{{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' == 'a' }} {{ l == [3, 1, 2] }} {{ (1, 2) == [1, 2] }} {{ n == none }} {{ missing == nothing }} {{ d == d }}",
    "{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ 3 >= 3 }} {{ 1 != 2 }} {{ 2 > 1 == true }}",
    "{{ 'ell' in s }} {{ 1 in l }} {{ 9 not in l }} {{ 'b' in d }} {{ 'z' in d }} {{ 'a' in missing }} {{ n in [none] }}", "{{ 1 in s }}", "{{ missing in s }}", "{{ 1 in 2 }}",
    # Conditions.
    "{{ 'a' if t }} {{ 'a' if n }} {{ 'a' if n else 'b' }} {{ 'a' if n else 'b' if n else 'c' }}", "{{ t and x }} {{ n or s }} {{ n and x }} {{ e or n }} {{ not t }} {{ not e }} {{ not n or x }}",
    "{% if e %}a{% elif l %}b{% else %}c{% endif %}{% if missing %}d{% endif %}{% if empty %}e{% else %}f{% endif %}", "{{ ('a' if n).b }}", "{{ 1 if x is defined and x > 5 else 2 }}",
    "{% if x == 7 and (s or n) %}yes{% endif %}{% if not x == 7 %}no{% endif %}",
    # Undefined values.
    "{{ missing.a }}", "{{ d.a.zz }}|{{ d['zz'] }}|{{ l[9] }}|{{ s[99] }}|{{ n.a }}|{{ x.a }}", "{{ d.zz.y }}", "{{ l[9].a }}", "{{ n.a.b }}", "{{ s.a.b }}", "{{ missing() }}", "{{ d.zz() }}", "{{ x() }}",
    "{% for a in missing %}x{% else %}none{% endfor %}", "{% for a in n %}x{% endfor %}", "{% for a in x %}{% endfor %}", "{{ missing | upper }}|{{ missing | length }}|{{ missing | trim }}|{{ missing | join }}|{{ missing | first }}|{{ missing ~ 'a' }}",
    "{{ missing | tojson }}", "{{ missing['a'] }}", "{{ missing[0] }}", "{{ missing[1:] }}", "{{ missing < 1 }}", "{{ l['a'] }}|{{ d[1] }}|{{ d[none] }}", "{{ l[none].x }}", "{{ (missing or s)[:2] }}", "{{ l[0].a.b }}", "{{ d[1].b }}", "{{ none['x'].y }}",
    # Elements and slices.
    "{{ d.b }} {{ d['a'].c[2]['z'] }} {{ d.a['c'][0] }} {{ l[0] }} {{ l[-1] }} {{ s[0] }} {{ s[-1] }} {{ u[1] }} {{ u[-2] }} {{ l.0 }}", "{{ d.items() | list }} {{ d['items'] }} {{ d.keys() | list }} {{ d.values() | list | length }}",
    "{{ l[1:] }} {{ l[:-1] }} {{ l[::-1] }} {{ l[::2] }} {{ l[5:] }} {{ l[-2:] }} {{ l[1:1] }} {{ s[:5] }} {{ s[-5:] }} {{ u[::-1] }} {{ s[1:8:3] }} {{ s[8:1:-3] }} {{ l[-9:9] }} {{ l[2:0:-1] }} {{ (1,2,3)[1:] }} {{ s[none:3] }}",
    "{{ l[::0] }}", "{{ l['a':] }}", "{{ x[1:] }}|", "{{ d.get('b') }} {{ d.get('zz') }} {{ d.get('zz', 5) }} {{ d.get('a').get('c') }}", "{{ s.__class__.x }}", "{{ l.append(1) }}", "{{ d.update({}) }}", "{{ d.pop('b') }}",
    # Loops.
    "{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }};{% endfor %}",
    "{% for i in l %}{{ loop.previtem }}-{{ loop.nextitem }} {% endfor %}", "{% for i in l %}{{ loop.previtem.a }}{% endfor %}", "{% for i in l %}{{ loop.cycle('a', 'b') }}{{ loop.changed(i > 1) }}{% endfor %}", "{% for i in l if i > 1 %}{{ i }}{{ loop.length }}{% endfor %}", "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in d %}{{ k }}{% endfor %}{% for c in u %}{{ c }},{% endfor %}", "{% for a in l %}{% for b in l %}{{ loop.depth }}{{ loop.index }}{% endfor %}{{ loop.index }}|{% endfor %}", "{% for i in range(3) %}{{ i }}{% endfor %}{% for i in range(5, 0, -2) %}{{ i }}{% endfor %}{{ range(0) | list }}",
    "{% for i in l %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% endfor %}", "{% for i in l %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% else %}none{% endfor %}", "{% for i in [] %}x{% else %}none{% endfor %}", "{% for i in l %}{% continue %}{% else %}none{% endfor %}",
    "{% set y = 1 %}{% for i in l %}{{ y }}{% set y = i %}{{ y }};{% endfor %}{{ y }}", "{% set ns = namespace(y=1) %}{% for i in l %}{% set ns.y = ns.y + i %}{% endfor %}{{ ns.y }} {{ ns.zz }}", "{% for i in l %}{% set z = i %}{% endfor %}{{ z }}", "{% for i, j in [(1, 2), [3, 4]] %}{{ i }}{{ j }}{% endfor %}", "{% for i, j in [(1, 2, 3)] %}{% endfor %}", "{% for i, j in l %}{% endfor %}",
    "{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{{ loop }}", "{% for i in l %}{{ loop.zz }}{% endfor %}", "{% for i in range(1000000) %}{% endfor %}",
    # Assignments.
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c %}  x{{ a }} {% endset %}[{{ c }}]{% set d2 | trim | upper %} y {% endset %}[{{ d2 }}]", "{% if t %}{% set v = 1 %}{% endif %}{{ v }}", "{% set x = x + 1 %}{{ x }}", "{% set s.y = 1 %}", "{% set nn = namespace(a=1, b='x') %}{% set nn.a = nn.b %}{{ nn.a }}{{ nn['b'] }}",
    "{% set _ = 3 %}{{ _ }}", "{% set nn = namespace() %}{% set nn._a = 1 %}", "{% set missing.y = 1 %}", "{% set nn = namespace({'a': 5}) %}{{ nn.a }}", "{% set t2 = 1, %}{{ t2 }}", "{% set a = [1, 2,] %}{{ a }}{{ {'a': 1, 'b': 2,} }}",
    # Macros.
    "{% macro m(a, b=2, c='x') %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(1, c='y') }}{{ m() }}{{ m(b=1, a=0) }}", "{% macro m(a) %}{{ a.b }}{% endmacro %}{{ m() }}", "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{% endmacro %}{{ m(z=2) }}", "{% macro m(n) %}{% if n > 0 %}{{ n }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(5) }}",
    "{% macro m() %}{{ s }}{{ y }}{% endmacro %}{% set y = 3 %}{{ m() }}{% set y = 4 %}{{ m() }}", "{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(4) }}", "{% macro m() %}\n  a\n{% endmacro %}[{{ m() | trim }}]{{ m is callable }}", "{% macro m(n) %}{{ m(n) }}{% endmacro %}{{ m(5) }}", "{% macro m() %}{% set s = 1 %}{{ s }}{% endmacro %}{{ m() }}{{ s }}",
    # Filters.
    "{{ w | trim }}|{{ 'xxaxx' | trim('x') }}|{{ x | trim }}", "{{ s | upper }}{{ s | lower }}{{ 'hELLO wORLD' | title }}{{ 'hELLO wORLD' | capitalize }}{{ 'stra\u00dfe \u00c9' | upper }}{{ '\u00c9A' | lower }}{{ \"it's a-b (c) d\" | title }}", "{{ l | length }}{{ s | length }}{{ u | length }}{{ d | length }}{{ l | count }}", "{{ x | length }}",
    "{{ l | first }}{{ l | last }}{{ s | first }}{{ s | last }}{{ empty | first }}{{ empty | last }}{{ d | first }}", "{{ (empty | first).a }}", "{{ missing | default('z') }}{{ e | default('z') }}{{ e | default('z', true) }}{{ n | default('z') }}{{ n | d('z', boolean=true) }}{{ missing | default }}|", "{{ l | join }}{{ l | join('-') }}{{ rows | join(',', attribute='n') }}{{ [1, none, 'a'] | join('+') }}{{ s | join('.') }}",
    "{{ l | sort }}{{ words | sort }}{{ words | sort(case_sensitive=true) }}{{ l | sort(reverse=true) }}{{ rows[:2] | sort(attribute='v') }}", "{{ rows | map(attribute='n') | list }}{{ words | map('upper') | list }}{{ rows | map(attribute='v', default=0) | list }}{{ l | map('string') | join('') }}{{ [d] | map(attribute='a.c.2.z') | list }}", "{{ rows | map(attribute='v') | list }}", "{{ words | map('replace', 'b', 'B') | list }}",
    "{{ rows | selectattr('v') | list }}{{ rows | selectattr('n', 'equalto', 'x') | list }}{{ rows | rejectattr('n', 'in', ['x', 'z']) | map(attribute='n') | list }}{{ l | select('odd') | list }}{{ l | reject('gt', 1) | list }}{{ [0, 1, '', 'a'] | select | list }}{{ rows | selectattr('v', 'defined') | list | length }}", "{{ rows | selectattr('n', '==', 'x') | first }}",
    "{% if rows | selectattr('n', '==', 'nope') %}true{% endif %}", "{{ rows | selectattr('n') | length }}", "{% set g = l | map('string') %}{{ g | list }}{{ g | list }}", "{{ l | reverse | list }}{{ s | reverse }}{{ d | items | list }}", "{{ x | items | list }}", "{{ d | dictsort }}{{ {'b': 1, 'A': 2} | dictsort }}{{ {'b': 1, 'A': 2} | dictsort(true) }}{{ {'b': 1, 'A': 2} | dictsort(by='value', reverse=true) }}",
    "{{ '42' | int }}{{ '4.9' | int }}{{ 'x' | int }}{{ 'x' | int(5) }}{{ 3.9 | int }}{{ n | int }}{{ ' 7 ' | int }}{{ '1.5' | float }}{{ 'x' | float }}{{ 2 | float }}{{ t | int }}", "{{ l | min }}{{ l | max }}{{ words | max }}{{ empty | max }}{{ l | sum }}{{ rows[:2] | sum(attribute='v') }}{{ rows | max(attribute='n') }}", "{{ -5 | abs }}{{ (-5) | abs }}{{ -2.5 | abs }}", "{{ s | replace('l', 'L') }}{{ s | replace('l', 'L', 1) }}{{ 'ab' | replace('', '-') }}{{ x | replace('7', 8) }}",
    "{{ s | list }}{{ d | list }}{{ x | string }}{{ l | string }}{{ s | safe }}", "{{ 'a\nb\n\nc' | indent }}|{{ 'a\nb\n\nc' | indent(2, true) }}|{{ 'a\nb\n\nc' | indent(2, blank=true) }}|{{ 'a\nb' | indent('> ') }}", "{{ s | upper | lower | trim | length }}", "{{ x | nope }}", "{{ x is nope }}", "{{ 'a' | upper ~ 'b' | upper }}{{ 'a' + 'b' | upper }}{{ ('a' + 'b') | upper }}{{ 1 + 2 | string | length }}",
    # JSON.
    "{{ d | tojson }}{{ l | tojson }}{{ s | tojson }}{{ n | tojson }}{{ t | tojson }}{{ f | tojson }}{{ q | tojson }}{{ u | tojson }}{{ (1, 2) | tojson }}{{ {} | tojson }}{{ [] | tojson }}", "{{ d | tojson(indent=2) }}{{ [] | tojson(indent=2) }}{{ [1, [2]] | tojson(indent=0) }}", "{{ u | tojson(ensure_ascii=true) }}{{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }}{{ d | tojson(separators=(',', ':')) }}{{ l | tojson(false, 1) }}", "{{ small | tojson }}{{ large | tojson }}{{ 1.0 | tojson }}{{ '<a href=\"x\">&\\'' | tojson }}", "{{ (l | map('string')) | tojson }}",
    # Tests.
    "{{ x is number }}{{ x is integer }}{{ f is float }}{{ t is boolean }}{{ t is integer }}{{ t is number }}{{ s is string }}{{ d is mapping }}{{ l is sequence }}{{ s is iterable }}{{ x is iterable }}{{ n is none }}{{ missing is undefined }}{{ missing is defined }}{{ missing is iterable }}{{ missing is sequence }}",
    "{{ x is odd }}{{ x is even }}{{ x is divisibleby 7 }}{{ x is eq 7 }}{{ x is ne(7) }}{{ x is gt 5 }}{{ x is lt 5 }}{{ x is ge 7 }}{{ x is le 6 }}{{ x is equalto 7 }}{{ x is in [7] }}{{ x is sameas 7 }}{{ 1 is sameas true }}{{ 'a' is lower }}{{ 'A1' is upper }}{{ '1' is upper }}{{ t is true }}{{ t is false }}{{ x is true }}{{ d.items is callable }}", "{{ x is not defined }}{{ not x is defined }}{{ x is not none and t }}{{ n is none or x }}{{ 'yes' if x is odd else 'no' }}", "{{ 'upper' is filter }}{{ 'nope' is filter }}{{ 'odd' is test }}",
    # Methods.
    "{{ w.strip() }}|{{ w.lstrip() }}|{{ w.rstrip() }}|{{ 'xyax'.strip('xy') }}|{{ '\u00a0a\u2003'.strip() }}|{{ '\x1ca\x85'.strip() }}|{{ '\u200ba'.strip() | length }}", "{{ w.split() }}{{ 'a,b,,c'.split(',') }}{{ 'a,b,c'.split(',', 1) }}{{ ''.split() }}{{ ''.split(',') }}{{ w.split(' ') }}{{ ' a  b c '.split(none, 1) }}{{ 'a,b,c'.rsplit(',', 1) }}{{ ' a b  c '.rsplit(none, 1) }}{{ 'a\nb\r\nc\n'.splitlines() }}", "{{ s.split('') }}",
    "{{ s.startswith('He') }}{{ s.endswith('x') }}{{ s.startswith(('a', 'H')) }}{{ s.upper() }}{{ s.lower() }}{{ 'they\\'re a1b'.title() }}{{ 'ABC d'.capitalize() }}{{ s.find('o') }}{{ s.rfind('o') }}{{ s.find('z') }}{{ u.find('a') }}{{ s.count('l') }}{{ s.replace('l', 'L') }}{{ s.replace('l', 'L', 1) }}", "{{ ', '.join(words) }}{{ '-'.join('abc') }}{{ s.partition(', ') }}{{ s.rpartition('o') }}{{ s.partition('z') }}{{ 'prefix-a'.removeprefix('prefix-') }}{{ 'a.py'.removesuffix('.py') }}", "{{ ', '.join(l) }}",
    "{{ '12'.isdigit() }}{{ 'a'.isdigit() }}{{ ''.isdigit() }}{{ ' '.isspace() }}{{ 'a'.islower() }}{{ 'A1'.isupper() }}{{ l.index(1) }}{{ l.count(3) }}{{ (1, 1).count(1) }}", "{{ l.index(9) }}", "{{ s.nope() }}", "{{ s.startswith(1) }}", "{{ s.strip(1) }}", "{{ dict(a=1, b=l) }}{{ dict({'x': 1}, y=2).y }}",
    # Functions.
    "{{ strftime_now('%d %b %Y') }} {{ strftime_now('%Y-%m-%d %H:%M:%S %A %B %j %y %p %I %%') }}", "{{ raise_exception('no ' + s) }}", "{% if n %}{{ raise_exception('no') }}{% endif %}fine", "{{ strftime_now is defined }}{{ raise_exception is defined }}{{ range is callable }}", "{{ range(3) | length }}{{ range(1, 4)[1:] | list if false else 'x' }}", "{% filter upper %}a{{ s }}{% endfilter %}{% filter trim | lower %} B {% endfilter %}",
    # Broken templates.
    "{% if t %}", "{% endif %}", "{{ x", "{% for %}{% endfor %}", "{{ }}", "{{ 1 + }}", "{% foo %}", "{# open", "{{ 'open }}", "{% set %}", "{{ (1 }}", "{{ 1) }}", "{% else %}", "{{ x | }}", "{{ a b }}", "{% break %}", "{% for i in l %}{% endif %}{% endfor %}", "{{ x is }}", "{{ x.  }}", "{{ f(a=1, 2) }}", "{% macro m(a=1, b) %}{% endmacro %}", "{{ x ? 1 : 2 }}", "{{ x == }}", "{{ true = 1 }}",
    "{{ not }}", "{% if x = 7 %}{% endif %}", "{{ {1 2} }}", "{% set true = 1 %}", "{% generation %}a{{ s }}{% endgeneration %}b", "{% generation %}{% set zz = 1 %}{% endgeneration %}[{{ zz }}]", "{%- generation -%}  a  {%- endgeneration -%}  b",
]
