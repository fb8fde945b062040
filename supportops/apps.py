from django.apps import AppConfig


class SupportopsConfig(AppConfig):
    name = "supportops"

    def ready(self) -> None:
        from supportops import checks  # noqa: F401  registers them
