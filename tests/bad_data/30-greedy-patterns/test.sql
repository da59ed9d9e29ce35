INSERT INTO page VALUES (1, '(a+)+$', 'meant literally'), (2, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', 'not meant'), (3, '%', 'not meant');
