SELECT E'a\nb', E'it\'s', 'it''s', $$dollar$$, $tag$dol'lar$tag$
