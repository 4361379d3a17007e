# SPDX-License-Identifier: Apache-2.0
"""What the chaos test posts and when it strikes, drawn from one seed."""
import random

from bodies import interview, theme

THEMES, INTERVIEWS, STUDIES, KILLS = 150, 3000, 60, 50
FIRST = 600  # posted before the first kill, so that there is always something to do
TWICE = 0.1  # of all interviews
MILD = {"severity": None, "sentiment": -0.1}
WORKERS = 3


class Plan:
    """The interviews in the order posted, and what befalls the workers and what they stand on."""

    def __init__(self, seed):
        self.seed = seed
        self.chance = random.Random(seed)
        self.wanted = {}
        posts = self.draw_posts()
        self.first, rest = posts[:FIRST], posts[FIRST:]
        self.slices = [rest[i::KILLS] for i in range(KILLS)]
        # Each once, apart from one another: Redis emptied, Redis killed, Kafka killed.
        struck = sorted(self.chance.sample(range(4, KILLS - 4, 5), 3))
        events = ["redis_flushed", "redis_killed", "kafka_killed"]
        self.chance.shuffle(events)
        self.events = dict(zip(struck, events))

    def draw_posts(self):
        """Each theme is heard at least four times; a few are heard often; half wait for a third."""
        names = [f"c{i}" for i in range(THEMES)]
        mild = set(self.chance.sample(names, THEMES // 2))
        heard = names * 4
        weights = [4 if i < 8 else 1 for i in range(THEMES)]
        heard += self.chance.choices(names, weights, k=INTERVIEWS - len(heard))
        self.chance.shuffle(heard)
        posts = []
        for n, theme_id in enumerate(heard):
            themes = [theme_id]
            if self.chance.random() < 0.15:
                themes.append(self.chance.choice([t for t in names if t != theme_id]))
            for told in themes:
                self.wanted.setdefault(told, set()).add(f"i{n}")
            posts.append(interview(f"i{n}", [theme(t, **(MILD if t in mild else {}))
                                             for t in themes],
                                   study=f"std_{self.chance.randrange(STUDIES)}"))
        for again in self.chance.sample(posts, int(INTERVIEWS * TWICE)):
            posts.insert(self.chance.randrange(posts.index(again) + 1, len(posts) + 1), again)
        return posts

    def tellings(self):
        return sum(len(interviews) for interviews in self.wanted.values())

    def faults(self):
        """One call in five goes wrong: seven ways, each about one in 35, out of step."""
        ways = [("status", {"status": 503}),
                ("status", {"status": 500, "after_effect": True}),
                ("drop_before", {}), ("drop_after", {}),
                ("status", {"status": 429, "headers": {"Retry-After": "1"}}),
                ("delay", {"ms": 1500}), ("delay", {"ms": 1500, "after_effect": True})]
        self.chance.shuffle(ways)
        for every, (fault, more) in zip((29, 31, 32, 33, 34, 35, 37), ways):
            yield fault, {"every": every, "count": -1, **more}

    def victims(self):
        """Mostly one worker, now and then several at the same time."""
        count = self.chance.choices((1, 2, WORKERS), (16, 3, 1))[0]
        return self.chance.sample(range(WORKERS), count)

    def patience(self):
        """How many calls a worker makes before it is killed: often none, it has just begun."""
        return 0 if self.chance.random() < 0.15 else self.chance.randrange(1, 60)
