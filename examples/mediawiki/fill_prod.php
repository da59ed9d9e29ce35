<?php
/** Fills an empty PROD: articles, templates, categories, a talk page, some with a history. */
function fill_prod( Wiki $wiki ): void {
	$wiki->addUser( 'Editor' );
	$wiki->addUser( 'Reader' );
	$wiki->edit( 'Template:Note', '<div class="note">{{{1}}}</div>', 'a box' );
	$wiki->edit( 'Category:Animals', 'All that [[lives]].', 'new' );
	foreach ( [ 'Cat', 'Dog', 'Horse', 'Mouse', 'Owl', 'Whale' ] as $animal ) {
		$wiki->edit( $animal, "The '''$animal'''. See [[Zoo]].\n[[Category:Animals]]", "about the $animal" );
	}
	$wiki->edit( 'Zoo', "{{Note|Open daily}}\n* [[Cat]]\n* [[Dog]]\n", 'new' );
	$wiki->edit( 'Talk:Zoo', 'When is it open? ~~~~', 'a question', 'Reader' );
	$wiki->append( 'Cat', "\nIt purrs.", 'sound' );
	$wiki->append( 'Cat', "\nIt sleeps.", 'sleep' );
	$wiki->edit( 'Opening hours', '#REDIRECT [[Zoo]]', 'for finding it' );
	$wiki->edit( 'Old page', 'Nobody reads this.', 'new' );
}
