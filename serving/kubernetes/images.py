"""The names of our images, as manifests write them, and what a rollout makes of them.

In: a manifest's `image`, a registry, a tag, digests. Out: the image wanted, and its entry in a kustomization.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

OURS = {"llm-gateway", "llm-serving"}  # without a registry


@dataclass(slots=True, frozen=True)
class Image:
    name: str  # with its registry
    tag: str
    digest: str

    @classmethod
    def parsed(cls, text: str) -> "Image":
        rest, _, digest = text.partition("@")
        host, slash, last = rest.rpartition("/")  # a colon before the last slash is a port's
        name, _, tag = last.partition(":")
        return cls(host + slash + name, tag, digest)

    @property
    def short(self) -> str:
        return self.name.rpartition("/")[2]

    def replacing(self, name: str) -> dict[str, str]:
        """This image in the place of `name`, as an entry of a kustomization's `images`."""
        entry = {"name": name, "newName": self.name, "newTag": self.tag, "digest": self.digest}
        return {key: value for key, value in entry.items() if value}

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


@dataclass(slots=True, frozen=True)
class Wanted:
    """What our images shall become. What is empty stays as the manifests have it."""

    registry: str = ""
    tag: str = ""  # without -cpu or -gpu
    digests: Mapping[str, str] | None = None

    def instead_of(self, image: Image) -> Image:
        hardware = re.search(r"-(cpu|gpu)$", image.tag)
        tag = self.tag + (hardware[0] if hardware else "") if self.tag else image.tag
        # A digest says which image it is, whatever the tag: one of the old image would win over the new tag.
        kept = "" if self.tag or self.registry else image.digest
        name = f"{self.registry}/{image.short}" if self.registry else image.name
        return Image(name, tag, (self.digests or {}).get(image.short, kept))


def ours(manifests: str) -> dict[str, Image]:
    """Our images in these manifests, by name."""
    found = re.findall(r"^[\s-]*image: [\"']?([^\s\"']+)", manifests, re.MULTILINE)
    return {image.name: image for image in map(Image.parsed, found) if image.short in OURS}
