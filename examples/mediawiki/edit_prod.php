<?php
/** What happens on PROD meanwhile and must survive. Its revisions and texts take the IDs that TEST took. */
function edit_prod( Wiki $wiki ): void {
	$wiki->addUser( 'Newcomer' );
	$wiki->edit( 'Closed on Monday', 'The [[Zoo]] is closed.', 'notice', 'Newcomer' );
	$wiki->edit( 'Template:Notice', "''{{{1}}}''", 'new', 'Newcomer' );
	$wiki->append( 'Dog', "\nIt {{Notice|barks}}.", 'sound', 'Newcomer' );
	$wiki->append( 'Talk:Zoo', "\n: Always. ~~~~", 'answer', 'Newcomer' );
}
