INSERT INTO "page""; DROP TABLE keep; --" VALUES (1, 'x''; DROP TABLE keep; --', '"; DROP TABLE keep');
INSERT INTO "shop.page" VALUES (1, 'a.b');
UPDATE "select" SET "values" = 'new', "where" = 9 WHERE "order" = 1;
DELETE FROM "select" WHERE "order" = 2;
INSERT INTO "Ünïcode name" VALUES (1, 'ünï');
INSERT INTO "[brackets]" VALUES (1, 1, '`', '\');
INSERT INTO a_very_long_table_name_that_goes_on_and_on_beyond_the_limit_of_63_bytes_of_postgresql VALUES (1, 'long');
