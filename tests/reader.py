"""Reads a page: its links, what it loads, and tags that do not close."""

from html.parser import HTMLParser

LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
LOADS |= {"audio": "src", "video": "src"}
VOID = {"br", "hr", "img", "input", "link", "meta", "wbr", "source", "col", "base", "area"}


class Reader(HTMLParser):
    """Collects links, what a page loads, its ids, and tags that do not close."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loads, self.ids, self.open, self.faults = [], [], set(), [], []
        self.feed(text)
        self.faults += [f"{tag} is never closed" for tag in self.open]

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        external = tag == "link" and attrs.get("rel") in ("canonical", "author", "license")
        if attrs.get(LOADS.get(tag)) and not external:
            self.loads.append(attrs[LOADS[tag]])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"{tag} closes nothing, line {self.getpos()[0]}")
