"""An errand as the language model cuts it up, a picture an instruction: python examples/errand.py errand.png"""

import sys
from itertools import groupby

from PIL import Image

from ludus.curricula import actors, film
from ludus.envs.views.record import strip

TASK, SEED, WIDTH = "ludus/FetchFromFridge-v0", 2, 410

world, act, _ = actors.player(TASK, "shipped")
said = groupby(film.episode(world, act, SEED), lambda shot: shot.told)
panels = []
for told, shots in list((told, list(shots)) for told, shots in said)[:4]:
    picture = Image.fromarray(shots[2 * len(shots) // 3].picture)
    picture = picture.resize((WIDTH, WIDTH * picture.height // picture.width), Image.Resampling.LANCZOS)
    page = Image.new("RGB", (WIDTH, picture.height + 30), "white")
    page.paste(picture)
    page.paste(Image.fromarray(strip(WIDTH, [told])), (0, picture.height))
    panels.append(page)
world.close()
whole = Image.new("RGB", (len(panels) * (WIDTH + 6) - 6, panels[0].height), "white")
for i, page in enumerate(panels):
    whole.paste(page, (i * (WIDTH + 6), 0))
whole.quantize(128).save(sys.argv[1], optimize=True)
