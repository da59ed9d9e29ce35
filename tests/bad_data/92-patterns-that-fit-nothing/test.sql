INSERT INTO price VALUES ('a\b', 'EUR', 1), ('a,b', 'EUR', 2), ('7', 'EUR', 3); INSERT INTO page VALUES (1, 'spring'), (2, 'summer');
