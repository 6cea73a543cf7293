"""Takes the pictures in docs/images: the page while it plays, in three guises.

    python tests/live/stage_screens.py

Wants the machine to itself, so that no chord is late in the picture.
"""

from pathlib import Path

from jam_process import jam_at
from page_driver import TUNE, chromium, open_page, play, repeated, start

from gapt.weights import DEFAULT_MODEL

IMAGES = Path(__file__).parents[2] / "docs" / "images"
GUISES = {
    "jam": ((1280, 800), "dark"),
    "jam-light": ((1280, 800), "light"),
    "jam-phone": ((390, 844), "dark"),
}
BPM = 90


def main():
    with jam_at(DEFAULT_MODEL) as (_, url), chromium() as browser:
        for name, ((width, height), scheme) in GUISES.items():
            size = {"width": width, "height": height}
            phone = name == "jam-phone"
            context = browser.new_context(
                viewport=size, color_scheme=scheme, is_mobile=phone, has_touch=phone
            )
            page = context.new_page()
            open_page(page, url)
            start(page, tempo=BPM, commit=4)
            page.locator("#advanced").evaluate("box => { box.open = false; }")
            page.evaluate("scrollTo(0, 0)")
            play(page, repeated(TUNE, 64, 2), BPM, until=90)
            page.screenshot(path=IMAGES / f"{name}.png")
            page.keyboard.press("Space")


if __name__ == "__main__":
    main()
