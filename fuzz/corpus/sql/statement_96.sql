SELECT id FROM orders WHERE data ?| ARRAY['a','b'] AND data ?& '{c}'
