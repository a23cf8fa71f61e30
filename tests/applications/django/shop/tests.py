"""As people test their own shop: in a database that Django makes and drops."""

from django.core.management import call_command
from django.db import connection, transaction
from django.test import TestCase

from shop.models import Customer, Order
from shop.orders import pay


class PayingTest(TestCase):
    def setUp(self):
        self.order = Order.objects.create(customer=Customer.objects.create(slug="acme"), amount="99.90")

    def told(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT type, tenant, data::text FROM webhooks.events")
            return cursor.fetchall()

    def test_who_pays_tells(self):
        pay(self.order)
        assert self.told() == [("order.paid", "acme", f'{{"order": {self.order.pk}, "amount": "99.90"}}')]

    def test_who_fails_tells_nobody(self):
        with transaction.atomic():
            pay(self.order)
            transaction.set_rollback(True)
        assert self.told() == []

    def test_there_is_nothing_to_migrate(self):
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)
