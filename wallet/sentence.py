"""Sentences of this package that its users may say in another language."""


class Sentence(str):
    """A sentence with its figures put in; `template` and `values` are what it was made from."""

    __slots__ = ("template", "values")

    template: str
    values: dict[str, object]


def said(template: str, **values: object) -> Sentence:
    """The sentence of a template with %(name)s."""
    sentence = Sentence(template % values)
    sentence.template, sentence.values = template, values
    return sentence
