from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class CustomerManager(BaseUserManager):
    def create_user(self, email, password=None, **fields):
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class Customer(AbstractBaseUser, PermissionsMixin):
    """Logs in by e-mail, cannot be disabled, and is no staff."""

    email = models.EmailField(unique=True)
    locale = models.CharField(max_length=5, default="en")
    objects = CustomerManager()
    USERNAME_FIELD = "email"
