// The broker alone: messages from a file, one a line, are published persistent and confirmed, and
// consumed and acknowledged at the same time. Prints how many seconds that took.
//
// Usage: broker URL FILE
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const queue = "bench.broker.alone"

// Confirms outstanding, messages a consumer holds, and messages acknowledged at once.
const inFlight, prefetch, together = 2000, 2000, 200

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func open(url string) *amqp.Channel {
	connection, err := amqp.Dial(url)
	must(err)
	channel, err := connection.Channel()
	must(err)
	return channel
}

func consume(url string, count int, done chan<- struct{}) {
	channel := open(url)
	must(channel.Qos(prefetch, 0, false))
	messages, err := channel.Consume(queue, "", false, false, false, false, nil)
	must(err)
	for seen := 1; seen <= count; seen++ {
		message := <-messages
		if seen%together == 0 || seen == count {
			must(message.Ack(true))
		}
	}
	close(done)
}

func publish(channel *amqp.Channel, lines [][]byte) {
	must(channel.Confirm(false))
	window := make(chan *amqp.DeferredConfirmation, inFlight)
	confirmed := make(chan struct{})
	go func() {
		for confirmation := range window {
			if !confirmation.Wait() {
				log.Fatal("refused")
			}
		}
		close(confirmed)
	}()
	for _, line := range lines {
		message := amqp.Publishing{DeliveryMode: amqp.Persistent, Body: line}
		confirmation, err := channel.PublishWithDeferredConfirmWithContext(context.Background(), "", queue, true, false, message)
		must(err)
		window <- confirmation
	}
	close(window)
	<-confirmed
}

func read(path string) (lines [][]byte) {
	file, err := os.Open(path)
	must(err)
	scanner := bufio.NewScanner(file)
	scanner.Buffer(make([]byte, 1<<20), 1<<20)
	for scanner.Scan() {
		lines = append(lines, append([]byte(nil), scanner.Bytes()...))
	}
	must(scanner.Err())
	return lines
}

func main() {
	url, lines := os.Args[1], read(os.Args[2])
	channel := open(url)
	_, err := channel.QueueDeclare(queue, true, false, false, false, nil)
	must(err)
	_, err = channel.QueuePurge(queue, false)
	must(err)
	done := make(chan struct{})
	started := time.Now()
	go consume(url, len(lines), done)
	publish(channel, lines)
	<-done
	fmt.Println(time.Since(started).Seconds())
	_, err = channel.QueueDelete(queue, false, false, false)
	must(err)
}
