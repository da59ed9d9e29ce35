INSERT INTO page VALUES (1, 'a', E'tab\tand \u0001', '{"a": "\u0000"}', 'json may hold what jsonb may not');
