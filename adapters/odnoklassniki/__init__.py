"""The games platform of Odnoklassniki (OK.ru): how it calls back after a payment within a game (`payments`)."""
