<?php
/** What the editors prepare on TEST. */
function edit_test( Wiki $wiki ): void {
	$wiki->edit( 'Template:Spring', "'''Spring: {{{1}}}'''", 'for the season' );
	$wiki->edit( 'Spring at the zoo', "{{Spring|young animals}}\nSee [[Zoo]], [[Lamb]].\n[[Category:Spring]]", 'new' );
	$wiki->edit( 'Lamb', "The '''Lamb''', with {{Note|a wolf}}.\n[[Category:Animals]] [[Category:Spring]]", 'new' );
	$wiki->edit( 'Category:Spring', 'What happens in spring.', 'new' );
	$wiki->append( 'Zoo', "* [[Lamb]]\n", 'the lamb is here' );
	$wiki->append( 'Zoo', "{{Spring|feeding at noon}}\n", 'feeding' );
	$wiki->append( 'Cat', "\nIt hunts the [[Mouse]].", 'hunting' );
	$wiki->edit( 'Template:Note', '<div class="note">Note: {{{1}}}</div>', 'a word before' );
	$wiki->move( 'Whale', 'Blue whale' );
	$wiki->append( 'Blue whale', "\nIt is the largest.", 'size' );
	$wiki->delete( 'Old page' );
}
