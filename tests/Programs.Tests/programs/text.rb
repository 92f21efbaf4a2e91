# Blocks, hashes, JSON, threads with a queue, a child; in three parts, as the input comes.
require "json"
require "digest"
count = Hash.new(0)
queue = Queue.new
sums = Thread.new do
  sum = 0
  while (number = queue.pop)
    200.times { |i| sum = (sum * 31 + number + i) % 1000003 }
    puts "#{number} #{sum}" if number % 100 == 0
    $stdout.flush
  end
  sum
end
$stdin.each_line do |line|
  queue << line.to_i
  line.scan(/[a-z]+/) { |word| count[word] += 1 }
end
queue << nil
puts sums.value
puts JSON.generate(count.sort_by { |word, times| [-times, word] }.first(5).to_h)
puts Digest::SHA256.hexdigest(count.keys.sort.join(","))
begin
  raise ArgumentError, "raised"
rescue => error
  puts "#{error.class} #{error.message}"
end
reader, writer = IO.pipe
child = fork { reader.close; writer.puts "from a child"; exit! 3 }
writer.close
puts reader.read
Process.wait(child)
puts $?.exitstatus
puts 2**300
