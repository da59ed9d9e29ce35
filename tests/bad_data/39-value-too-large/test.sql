INSERT INTO item VALUES (1, 'one', 'small'), (2, 'two', CAST(zeroblob(16777217) AS TEXT));
