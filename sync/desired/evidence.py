"""What says that two records are one company (BILLING_RULES 5): the web domain, or the company's name. Nothing else does."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from sync.crm import CrmAccount
from sync.facts import Customer

#: Mail providers: an address there says nothing about a company's web domain.
_PROVIDERS = frozenset(
    """
    126.com 139.com 163.com abv.bg alice.it arcor.de att.net bellsouth.net bigpond.com bk.ru bluewin.ch bol.com.br
    btinternet.com charter.net comcast.net cox.net daum.net docomo.ne.jp duck.com earthlink.net email.com
    ezweb.ne.jp fastmail.com foxmail.com free.fr freenet.de googlemail.com hanmail.net hey.com hushmail.com
    inbox.ru interia.pl juno.com kpnmail.nl laposte.net libero.it list.ru mac.com mail.com mail.ru mailbox.org
    mailinator.com me.com naver.com ntlworld.com o2.pl onet.pl orange.fr planet.nl pm.me posteo.de proton.me
    protonmail.com qq.com rambler.ru rediffmail.com rogers.com sbcglobal.net seznam.cz sfr.fr shaw.ca sina.com
    sky.com skynet.be sympatico.ca t-online.de telenet.be terra.com.br tin.it tiscali.it tuta.com tuta.io
    tutanota.com ukr.net uol.com.br usa.net verizon.net virgilio.it wanadoo.fr web.de wp.pl xtra.co.nz yeah.net
    ziggo.nl zoho.com zohomail.com
    """.split()  # noqa: SIM905
)
#: Providers that give addresses under many endings: yahoo.co.uk, hotmail.fr, gmx.at.
_PROVIDERS_ANYWHERE = frozenset(
    {"aol", "gmail", "gmx", "hotmail", "icloud", "live", "msn", "outlook", "rocketmail", "yahoo", "yandex", "ymail"}
)
#: Under these, and a country's two letters, everybody may have a name: no company is co.uk.
_PUBLIC = frozenset({"ac", "co", "com", "edu", "gov", "ltd", "net", "or", "org"})

_LEGAL_FORMS = frozenset(
    {"ab", "ag", "aps", "as", "asa", "bv", "co", "company", "corp", "corporation", "cv", "doo", "ev", "gbr", "gmbh"}
    | {"inc", "incorporated", "kft", "kg", "kgaa", "kk", "lda", "limited", "llc", "llp", "lp", "ltd", "ltda", "nv"}
    | {
        "ohg",
        "oy",
        "oyj",
        "plc",
        "private",
        "pte",
        "pty",
        "pvt",
        "sa",
        "sarl",
        "sas",
        "se",
        "sl",
        "slu",
        "spa",
        "spzoo",
    }
    | {"srl", "sro", "ug", "ulc"}
)
#: Forms that are several words; longer ones first.
_LONG_FORMS = (("s", "de", "rl", "de", "cv"), ("sa", "de", "cv"), ("sapi", "de", "cv"), ("sp", "z", "oo"), ("d", "oo"))


#: What confirms that a customer is this company; behind it stands the domain, or the name.
BY_DOMAIN, BY_NAME = "the web domain", "the company name"


def nameless(evidence: str) -> str:
    """The evidence without the company in it: logs have no names."""
    for words in (BY_DOMAIN, BY_NAME):
        before, found, _ = evidence.partition(words)
        if found:
            return before + words
    return evidence


def confirmation(account: CrmAccount, customer: Customer, email: str) -> str | None:
    """What says that a customer with the same billing e-mail is this company; None where nothing does."""
    site, domain = web_domain(account.website or ""), mail_domain(email)
    if site and domain and (domain == site or domain.endswith(f".{site}")):
        return f"{BY_DOMAIN} {site}"
    name = company(account.name)
    return f'{BY_NAME} "{account.name}"' if name and name == company(customer.name or "") else None


def same_email(one: str | None, other: str | None) -> bool:
    """Whether two addresses are one, whatever their case. One with a tag (``ap+eu@``) is another address: people use it
    to tell customers apart.
    """
    return bool(one and other) and plain_email(one or "") == plain_email(other or "")


def plain_email(email: str) -> str:
    """An address as it is compared."""
    return email.strip().casefold()


def mail_domain(email: str) -> str:
    """The company's domain that an e-mail address says, or "": a provider's says nothing."""
    domain = _ascii(email.strip().rpartition("@")[2])
    labels = domain.split(".")
    family = labels[0] in _PROVIDERS_ANYWHERE and len(labels) <= 3
    return "" if domain in _PROVIDERS or family else domain


def web_domain(website: str) -> str:
    """The domain of a web address without its www, or "" for what is none or is nobody's own (``co.uk``)."""
    try:
        host = urlsplit(website.strip() if "//" in website else f"//{website.strip()}").hostname or ""
    except ValueError:
        return ""  # no web address, so no evidence
    domain = _ascii(host).removeprefix("www.")
    labels = domain.split(".")
    public = len(labels) == 2 and labels[0] in _PUBLIC and len(labels[1]) == 2
    return "" if len(labels) < 2 or public or not all(labels) else domain


def _ascii(domain: str) -> str:
    """A domain as it is asked for: müller.example and xn--mller-kva.example are one."""
    plain = domain.strip().rstrip(".").casefold()
    try:
        return plain.encode("idna").decode("ascii")
    except UnicodeError:
        return plain


def is_company(name: str) -> bool:
    """Whether a name says by its legal form that it is a company's."""
    return any(word in _LEGAL_FORMS for word in _words(name))


def company(name: str) -> str:
    """A company's name without its legal form, accents, punctuation and case; "" where nothing else is left."""
    words = _words(name)
    while ending := _legal_form(words):
        words = words[:-ending]
    return " ".join(words[1:] if words[:1] == ["the"] else words)


def _legal_form(words: list[str]) -> int:
    """How many words at the end are a legal form."""
    for form in _LONG_FORMS:
        if tuple(words[-len(form) :]) == form:
            return len(form)
    return int(bool(words) and words[-1] in _LEGAL_FORMS)


def _words(name: str) -> list[str]:
    letters = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(c for c in letters if not unicodedata.combining(c))
    return re.findall(r"\w+", re.sub(r"[.'’]", "", plain))
