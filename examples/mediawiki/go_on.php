<?php
/** Editors go on: new revisions, a move, a deletion and a new page on what was promoted. */
function go_on( Wiki $wiki ): void {
	$wiki->append( 'Lamb', "\nIt jumps.", 'goes on' );
	$wiki->append( 'Zoo', "* [[Owl]]\n", 'goes on' );
	$wiki->edit( 'Template:Spring', "'''Summer: {{{1}}}'''", 'time flies' );
	$wiki->move( 'Spring at the zoo', 'Summer at the zoo', 'redirect' );
	$wiki->delete( 'Category:Spring' );
	$wiki->edit( 'Next', 'Next to the [[Lamb]].', 'goes on' );
	$problems = $wiki->problems();
	foreach ( [
		'Lamb' => 'It jumps.',
		'Zoo' => '<b>Summer: feeding at noon</b>',
		'Summer at the zoo' => 'Summer: young animals',
		'Next' => 'href="/w/index.php/Lamb"',
	] as $title => $text ) {
		if ( strpos( $wiki->html( $title ), $text ) === false ) {
			$problems[] = "$title doesn't show $text: " . $wiki->html( $title );
		}
	}
	if ( count( $wiki->history( 'Lamb' ) ) !== 2 || count( $wiki->history( 'Zoo' ) ) !== 4 ) {
		$problems[] = 'histories are cut';
	}
	if ( $problems ) {
		throw new RuntimeException( "editing doesn't go on:\n  " . implode( "\n  ", $problems ) );
	}
	echo "editing goes on\n";
}
