#!/bin/sh
# Makes sure that there is a Chromium for the tests of pages: browser.sh PYTHON
set -u
python=$1

for name in chromium chromium-browser google-chrome google-chrome-stable chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
"$python" -c 'import os, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    sys.exit(not os.path.exists(playwright.chromium.executable_path))' && exit 0

echo 'no Chromium found, fetching one for the tests of pages'
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null &&
        command -v chromium >/dev/null 2>&1 && exit 0
fi
"$python" -m playwright install chromium && exit 0

echo 'error: could not get a Chromium. Install one (Debian: apt-get install chromium) and run make again.' >&2
exit 1
