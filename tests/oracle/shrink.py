#!/usr/bin/env python3
"""Make a failing model and its events small: shrink.py --program PATH FOLDER.

FOLDER has model.yaml, events.jsonl and options as generate.py writes them (and holidays.ics).  Events, parts of the
model and parts of conditions are left out, one after the other and many at once, as long as the program and the
oracle both accept what is left and still differ (a program that refuses a model or dies is a difference only if it
did so with the whole).  The files are replaced; the report is of what is left.
"""
import argparse
import contextlib
import io
import json
import os
import re
import shutil
import sys

import yaml

import compare
import model as models
import oracle
import run


class Candidate:
    def __init__(self, model, events, options):
        self.model, self.events, self.options = model, events, options


class Shrinker:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.work = f'{folder}/shrink'
        os.makedirs(self.work, exist_ok=True)
        for name in os.listdir(folder):
            if name.endswith('.ics'):
                shutil.copy(f'{folder}/{name}', f'{self.work}/{name}')
        with open(f'{folder}/model.yaml', encoding='utf-8') as file:
            model = yaml.load(file, yaml.BaseLoader)
        with open(f'{folder}/events.jsonl', encoding='utf-8') as file:
            events = file.read().splitlines()
        with open(f'{folder}/options') as file:
            options = file.read().split()
        self.best = Candidate(model, events, options)
        self.kind = self.difference(self.best)

    # --- what is left must still differ ---

    def write(self, candidate):
        with open(f'{self.work}/model.yaml', 'w', encoding='utf-8') as file:
            file.write(model_text(candidate.model))
        with open(f'{self.work}/events.jsonl', 'w', encoding='utf-8') as file:
            file.writelines(line + '\n' for line in candidate.events)
        with open(f'{self.work}/options', 'w', encoding='utf-8') as file:
            file.write(' '.join(candidate.options) + '\n')

    def difference(self, candidate):
        """None: both agree, or the oracle cannot; else the kind of difference."""
        self.write(candidate)
        if not self.run_oracle(candidate):
            return None
        status = run.replay(self.program + ['replay'], self.work, 'program')
        if status not in (0, 1):
            return f'status {status}'
        for name in ('out',) + run.DUMPS:
            if not os.path.exists(f'{self.work}/program.{name}'):
                return f'no {name}'
            if compare.compare_files(f'{self.work}/oracle.{name}', f'{self.work}/program.{name}')[0]:
                return 'differs'
        return None

    def run_oracle(self, candidate):
        """In this process, as it is done hundreds of times."""
        try:
            model = models.load(f'{self.work}/model.yaml')
            until = oracle.until_option(candidate.options[1]) if candidate.options else None
            with contextlib.redirect_stderr(io.StringIO()):
                engine = oracle.replay(model, [line.encode() for line in candidate.events], until)
            for name, found in (('out', engine.outputs), ('leads', engine.dump_leads()),
                                ('accounts', engine.dump_accounts())):
                with open(f'{self.work}/oracle.{name}', 'w', encoding='utf-8') as file:
                    file.writelines(json.dumps(x, ensure_ascii=False) + '\n' for x in found)
            return True
        except Exception:       # a name that is gone, …
            return False

    def keep(self, model=None, events=None, options=None):
        """Take the smaller candidate if it still differs in the same way."""
        candidate = Candidate(self.best.model if model is None else model,
                              self.best.events if events is None else events,
                              self.best.options if options is None else options)
        if self.difference(candidate) != self.kind:
            return False
        self.best = candidate
        return True

    # --- the ways to be smaller ---

    def fewer_events(self):
        """Leave out halves, quarters, … single ones."""
        size, changed = max(1, len(self.best.events) // 2), False
        while True:
            at = 0
            while at < len(self.best.events):
                if self.keep(events=self.best.events[:at] + self.best.events[at + size:]):
                    changed = True
                else:
                    at += size
            if size == 1:
                return changed
            size = max(1, size // 2)

    def plainer_events(self):
        changed = False
        for i in range(len(self.best.events)):
            try:
                event = json.loads(self.best.events[i])
            except ValueError:
                continue
            if not isinstance(event, dict):
                continue
            for path in paths(event):
                if not present(event, path):
                    continue
                smaller = without(event, path)
                lines = list(self.best.events)
                lines[i] = json.dumps(smaller, ensure_ascii=False)
                if self.keep(events=lines):
                    event, changed = smaller, True
        return changed

    def smaller_model(self):
        changed = False
        for path in paths(self.best.model):
            if present(self.best.model, path) and self.keep(model=without(self.best.model, path)):
                changed = True
        for path in paths(self.best.model):
            if present(self.best.model, path):
                changed |= self.simpler_text(path)
        return changed

    def simpler_text(self, path):
        """Leave out parts of a condition."""
        changed, again = False, True
        while again:
            again = False
            text = value_at(self.best.model, path)
            if not isinstance(text, str):
                return changed
            for simpler in simpler_conditions(text):
                if self.keep(model=replaced(self.best.model, path, simpler)):
                    changed = again = True
                    break
        return changed

    def shrink(self):
        if self.kind is None:
            return ['no difference']
        again = True
        while again:
            again = self.fewer_events()
            again |= bool(self.best.options) and self.keep(options=[])
            again |= self.smaller_model()
        self.plainer_events()
        self.write(self.best)
        for name in ('model.yaml', 'events.jsonl', 'options'):
            shutil.copy(f'{self.work}/{name}', f'{self.folder}/{name}')
        shutil.rmtree(self.work)
        return [model_text(self.best.model)] + self.best.events + [' '.join(self.best.options)] + \
            run.compare_folder(self.program, self.folder)


# --- parts of nested dicts and lists ---------------------------------------------------------------------

def paths(value, path=()):
    """Of all parts, the greater first."""
    found = []
    items = value.items() if isinstance(value, dict) else reversed(list(enumerate(value))) \
        if isinstance(value, list) else ()
    for key, inner in list(items):
        found.append(path + (key,))
        found += paths(inner, path + (key,))
    return sorted(found, key=len) if not path else found


def value_at(value, path):
    for key in path:
        value = value[key]
    return value


def present(value, path):
    try:
        value_at(value, path)
        return True
    except (KeyError, IndexError, TypeError):
        return False


def replaced(value, path, new):
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def without(value, path):
    """A copy without the part."""
    inner = value_at(value, path[:-1]).copy()
    del inner[path[-1]]
    return replaced(value, path[:-1], inner)


def simpler_conditions(text):
    """One side of an `and` or `or`, what is in parentheses, without a `not`."""
    depth, quoted, found = 0, False, []
    for i, c in enumerate(text):
        quoted ^= c == '"'
        depth += 0 if quoted else {'(': 1, ')': -1}.get(c, 0)
        for word in (' and ', ' or '):
            if not quoted and depth == 0 and text.startswith(word, i):
                found += [text[:i], text[i + len(word):]]
    for pattern in (r'not \((.*)\)', r'\((.*)\)', r'not (.*)'):
        inside = re.fullmatch(pattern, text, re.DOTALL)
        if inside:
            found.append(inside[1])
    return found


PLAIN = re.compile(r'-?[0-9]+(\.[0-9]+)?|true|false')


def model_text(model):
    """YAML with numbers and booleans as such: the model was read as nothing but strings."""
    def typed(value):
        if isinstance(value, dict):
            return {key: typed(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [typed(inner) for inner in value]
        return yaml.safe_load(value) if isinstance(value, str) and PLAIN.fullmatch(value) else value
    return yaml.safe_dump(typed(model), sort_keys=False, width=1000, allow_unicode=True)


def shrink(program, folder):
    return Shrinker(program, folder).shrink()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--program', required=True)
    parser.add_argument('folder')
    options = parser.parse_args()
    print('\n'.join(shrink(options.program.split(), options.folder)))


if __name__ == '__main__':
    sys.exit(main())
