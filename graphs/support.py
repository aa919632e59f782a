"""The customer-support desk: the three handlers that the routing graph has unless it is given others."""

from collections.abc import Callable

from threadloom.models.roles import Models
from threadloom.nodes.consult import consult
from threadloom.nodes.handler import Handler
from threadloom.tools.knowledge.articles import Knowledge

BILLING = """
Money: invoice, receipt, bill, billed, billing, charge, charged twice, overcharged, payment, pay, paid, price,
pricing, cost, fee, refund, reimbursement, money back, credit card, debit card, card declined, bank transfer, bank
statement, direct debit, PayPal, VAT, tax, currency, discount, coupon, voucher, promo code, subscription, subscribe to
a plan, cancel my plan, cancellation, renewal, upgrade my plan, downgrade, plan, yearly, monthly, trial, seats,
licence, purchase, bought, checkout, overpayment, reminder, due, membership, euro, dollar, cent, accountant, student
price, American Express, Visa, Mastercard, SEPA, coupon code, promised percent off, credit for
"""
TECHNICAL = """
Something does not work, or how to set it up: error, crash, crashing, bug, buggy, freeze, frozen, stuck, slow, fail,
broken, not loading, blank page, black screen, timeout, outage, down, log in, login, sign in, logging out, password,
reset, two-factor, code, install, reinstall, uninstall, update, app, client, desktop, mobile, phone app, Android, iOS,
iPhone, Windows, macOS, Mac, Linux, browser, Firefox, Chrome, Safari, sync, synchronise, upload, download, file,
folder, document, photo, backup, restore, export, import, share link, link, API, webhook, integration, plugin, proxy,
firewall, port, certificate, server error, connection, offline, notification, battery, search, editor, shortcut,
settings, screen, device, computer, laptop, tablet, printer, scanner, storage full, version, deleted files,
disappeared, dark mode, 404, 500, 502, 503, 504
"""
GENERAL = """
Everything else: opening hours, office, office hours, address, located, location, visit, phone number, hotline,
contact, call you, real person, human, company, firm, owner, team, employees, hiring, job, career, press, journalist,
interview, partner, partnership, reseller, sponsor, newsletter, advertising, unsubscribe, privacy, personal data,
GDPR, data protection, data processing agreement, terms of service, security practices, audit, feedback, suggest,
suggest a feature, suggestion, feature request, roadmap, forum, community, guide, languages, website, logo, award,
customer service, support available, weekend, Sundays, holidays, general question, Christmas, climate, trade fair,
rude, reply, canned, staff
"""

ABOUT = {"billing": BILLING, "technical": TECHNICAL, "general": GENERAL}


def desk(models: Callable[[], Models], knowledge: Callable[[], Knowledge]) -> list[Handler]:
    """Billing, technical and general: each with a role of its own, so that each can have a model of its own."""
    return [Handler(name, about, consult(models, name, knowledge)) for name, about in ABOUT.items()]
