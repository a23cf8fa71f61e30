"""The README's views, and what tests need besides: somebody who pays."""

from django.http import HttpResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt

from shop.hooks import hook
from shop.models import Order
from shop.orders import pay
from shop.views import act, page, sent


@csrf_exempt
def paying(_, order_id):
    pay(Order.objects.select_related("customer").get(pk=order_id))
    return HttpResponse("paid")


urlpatterns = [
    path("hook", hook),
    path("orders/<int:order_id>/pay", paying),
    path("webhooks/", page, name="webhooks"),
    path("webhooks/<int:webhook_id>/", page, name="webhook"),
    re_path(r"^webhooks/(?P<webhook_id>\d+)/(?P<act>test|activate|pause|resume|delete)/$", act, name="act"),
    path("webhooks/sent/<int:delivery_id>/", sent, name="sent"),
]
