# SPDX-License-Identifier: Apache-2.0
"""The board as people see it, in a headless Chromium. SCORED_TEST_SCREENSHOTS names a folder that keeps what it looks like."""
import json
import os
import re
import socket

import pytest

import browser
from asking import ask
from live import event, wait_for
from test_board import HOSTILE, MODEL, TOKEN

pytestmark = pytest.mark.skipif(not os.environ.get('SCORED_TEST_FULL') or not browser.PROGRAM,
                                reason='needs Chromium; ./test --full')
ESCAPE, ENTER = ('Escape', 27), ('Enter', 13)
# As ids are shown: characters that cannot be seen, or turn others around, by their numbers.
SHOWN = {lead: re.sub('[\x00-\x1f\u200b\u2028\u202e]', lambda c: f'⟨{ord(c[0]):x}⟩', lead) for lead in HOSTILE}
ROW = '[...document.querySelectorAll("#leads-body tr")].find((row) => row.querySelector(".who").textContent === {})'
PAUSED = MODEL.replace('target: 1h', 'target: 90s')


@pytest.fixture
def page(tmp_path_factory):
    opened = browser.Browser(str(tmp_path_factory.mktemp('c')))
    yield opened
    opened.close()


@pytest.fixture
def address():
    with socket.create_server(('127.0.0.1', 0)) as free:
        return '127.0.0.1:{}'.format(free.getsockname()[1])


@pytest.fixture
def screenshot(page, tmp_path):
    folder = os.environ.get('SCORED_TEST_SCREENSHOTS') or str(tmp_path)

    def take(name):
        page.screenshot(os.path.join(folder, f'{name}.png'))
    return take


def await_true(page, script, what):
    try:
        return wait_for(lambda: page.run(f'document.body && ({script})'), what, 60)
    except AssertionError as error:
        raise AssertionError(f'{what}; it shows:\n{page.run("document.body?.innerText")}') from error


def value_of(page, lead):
    return float(page.run(ROW.format(json.dumps(lead)) + '.querySelector(".value").textContent'))


def fits(page):
    """Nothing is wider than the screen."""
    return page.run('document.documentElement.scrollWidth <= innerWidth && '
                    '[...document.querySelectorAll("dialog[open], section")].every((e) => e.scrollWidth <= e.clientWidth + 1)')


def left_of_clock(page):
    """Seconds that the first clock shows."""
    sign, minutes, seconds = re.fullmatch(r'(−?)(\d+):(\d\d)', page.run('document.querySelector(".clock .left").textContent')).groups()
    return (60 * int(minutes) + int(seconds)) * (-1 if sign else 1)


def luminance(page, selector, which):
    """Of a colour, from 0 to 1."""
    colors = page.run(f'getComputedStyle(document.querySelector({json.dumps(selector)})).{which}')
    return sum(map(int, re.findall(r'\d+', colors)[:3])) / 765


def test_people_see_what_happens(deploy, model, address, page, screenshot, tmp_path):
    """A lead gets hot and cools down, is moved for reasons, has a clock that counts down, and details; on a desk and on a phone, dark and light."""
    token = tmp_path / 'token'
    token.write_text(TOKEN, encoding='ascii')
    d = deploy(model(PAUSED), n_partitions=2)
    http = {'listen': address, 'board': True, 'token_file': str(token)}
    daemon = d.start(http=http)
    wait_for(lambda: (answer := ask(address, '/readyz')) and answer.status == 200, 'it is ready')
    page.resize(1440, 900)
    page.set_scheme('light')

    # the way in: a form, whose token does not stay in the address
    page.open(f'http://{address}/')
    await_true(page, 'document.querySelector("#token") !== null', 'the form')
    page.events.clear()  # a page that is refused is an error in the console
    page.run(f'document.querySelector("#token").value = {json.dumps(TOKEN)}; document.querySelector("form").requestSubmit()')
    await_true(page, 'document.querySelector("#link")?.dataset.state === "live"', 'it is live')
    assert page.run('location.href') == f'http://{address}/' and page.run('document.cookie') == ''

    # a lead becomes hot and cools down
    d.send(event('hot@acme.example', 'profile_updated', employees=500, account_id='acme'))
    for lead in HOSTILE:
        d.send(event(lead, 'page_view', account_id=f'account of {lead}'[:128]))
    d.send(event('hot@acme.example', 'form', account_id='acme'))
    await_true(page, ROW.format('"hot@acme.example"') + ' !== undefined', 'the lead comes up')
    first = wait_for(lambda: (value := value_of(page, 'hot@acme.example')) > 40 and value, 'it is hot', 30)
    wait_for(lambda: value_of(page, 'hot@acme.example') < first - 1, 'its score decays', 30)

    # it is moved, and why
    reasons = 'document.querySelector("#changes-list").innerText'
    await_true(page, f'{reasons}.includes("asked +60 intent")', 'the stage change with its reasons')
    shown = page.run(reasons)
    assert 'hot@acme.example' in shown and 'mql' in shown and 'big +20 fit' in shown

    # its clock counts down
    await_true(page, 'document.querySelector(".clock .left") !== null', 'the clock')
    before = left_of_clock(page)
    wait_for(lambda: left_of_clock(page) <= before - 2, 'the clock counts down')
    await_true(page, 'document.querySelector("#funnel-body").innerText.includes("100 % → mql")', 'the funnel')

    # ids are text, whatever is in them
    ids = page.run('[...document.querySelectorAll("#leads-body .who")].map((e) => e.textContent)')
    assert set(ids) == {'hot@acme.example', *SHOWN.values()}
    assert page.run('document.querySelectorAll("main img, main script, dialog img").length') == 0

    # details, by the mouse and by the keyboard
    page.run(ROW.format('"hot@acme.example"') + '.querySelector(".who").id = "hot"')
    page.click('#hot')
    await_true(page, 'document.querySelector("#details").open && document.querySelector("#details").innerText.includes("What the scores are made of")',
               'details')
    details = page.run('document.querySelector("#details").innerText')
    for piece in ('hot@acme.example', 'account acme', 'asked', '+60', 'lifecycle', 'owner sales', 'clock call', 'sales_accepted'):
        assert piece in details, piece
    screenshot('details-light')
    page.press(*ESCAPE)
    assert not page.run('document.querySelector("#details").open') and page.run('document.activeElement.id') == 'hot'
    page.press(*ENTER)
    await_true(page, 'document.querySelector("#details").open', 'details by the keyboard')
    page.press(*ESCAPE)
    for lead in SHOWN.values():
        page.run(ROW.format(json.dumps(lead)) + '.querySelector(".who").click()')
        await_true(page, f'document.querySelector("#details-title").textContent === {json.dumps(lead)} && '
                   'document.querySelector("#details-body .big") !== null', 'details of a hostile id')
        assert page.run('document.querySelectorAll("main img, main script, dialog img").length') == 0
        page.press(*ESCAPE)

    # what it looks like
    assert luminance(page, 'body', 'backgroundColor') > 0.9 > 0.3 > luminance(page, 'body', 'color') and fits(page)
    screenshot('desktop-light')
    page.set_scheme('dark')
    assert luminance(page, 'body', 'backgroundColor') < 0.15 < 0.7 < luminance(page, 'body', 'color')
    screenshot('desktop-dark')
    for width in (320, 390, 768, 1024):
        page.resize(width, 844, mobile=width < 500)
        wait_for(lambda: fits(page), f'it fits into {width}')
    page.resize(390, 844, mobile=True)
    screenshot('phone-dark')
    page.click('#hot')
    await_true(page, 'document.querySelector("#details-body .big") !== null', 'details on a phone')
    assert fits(page)
    page.press(*ESCAPE)
    page.set_scheme('light')
    screenshot('phone-light')

    assert page.complaints() == []
    assert {url.split('/')[2] for url in page.requests() if not url.startswith('data:')} == {address}

    # it says when what it shows is old, and goes on by itself
    assert daemon.stop() == 0
    await_true(page, 'document.querySelector("#link").dataset.state === "old"', 'it is said to be old')
    assert 'old' in page.run('document.querySelector("#link").textContent')
    d.start(http=http)
    await_true(page, 'document.querySelector("#link").dataset.state === "live"', 'it is live again')
    token.write_text('another-token-from-now-on', encoding='ascii')
    d.instances[-1].stop()
    d.start(http=http)
    await_true(page, 'document.querySelector("#token") !== null', 'the token is asked for again')
