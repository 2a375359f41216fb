SELECT 'unclosed /* $tag$ " \
