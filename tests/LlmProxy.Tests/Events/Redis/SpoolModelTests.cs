using CsCheck;
using LlmProxy.Events.Redis;
using Xunit;

namespace LlmProxy.Tests.Events.Redis;

/// <summary>Whatever is done to a spool, it does what a list would do.</summary>
public sealed class SpoolModelTests
{
    private const long BytesMax = 8_000;

    private enum Deed : byte
    {
        Append,
        AppendWhatIsOut,
        Read,
        Confirm,
        Restart,
    }

    [Fact]
    public void Whatever_is_done_it_gives_out_what_a_list_would() =>
        Gen.Select(Gen.Enum<Deed>(), Gen.Int[1, 12], Gen.Int[0, 700]).Array[1, 60].Sample(
            static deeds =>
            {
                using var file = new SpoolFile();
                var model = new Model(file);
                foreach (var (deed, count, bytes) in deeds)
                {
                    model.Do(deed, count, bytes);
                }

                model.Do(Deed.Restart, 0, 0);
                model.Do(Deed.Read, 1_000, 0);
                model.End();
            },
            iter: 300);

    private sealed class Model(SpoolFile file)
    {
        // What is in the spool, in order; the first _out of them were given out.
        private readonly List<OutgoingEvent> _waiting = [];
        private Spool _spool = file.Open(BytesMax);
        private int _out;
        private long _number;

        public void Do(Deed deed, int count, int bytes)
        {
            switch (deed)
            {
                case Deed.Append:
                    Append(count, bytes, areOut: false);
                    break;
                case Deed.AppendWhatIsOut when _out == _waiting.Count:
                    Append(count, bytes, areOut: true);
                    break;
                case Deed.Read:
                    Read(count);
                    break;
                case Deed.Confirm when _out > 0:
                    Confirm(Math.Min(count, _out));
                    break;
                case Deed.Restart:
                    _spool.Dispose();
                    _spool = file.Open(BytesMax);
                    _out = 0;
                    break;
            }

            Assert.Equal(_waiting.Count, _spool.Count);
            Assert.Equal(_waiting.Count == 0, _spool.IsEmpty);
            Assert.Equal(_waiting.Count > _out, _spool.HasUnread);
            Assert.InRange(new FileInfo(file.Path).Length, 1_024, BytesMax);
        }

        public void End() => _spool.Dispose();

        private void Append(int count, int bytes, bool areOut)
        {
            var events = Enumerable.Range(0, count).Select(_ => Given.Outgoing(++_number, bytes)).ToList();
            var fits = _waiting.Sum(Size) + events.Sum(Size) <= (BytesMax - 1_024) / 2;

            var taken = _spool.Append(events, areOut);

            Assert.True(taken == count || !fits, "There was room.");
            _waiting.AddRange(events[..taken]);
            _out = areOut ? _waiting.Count : _out;
        }

        private void Read(int count)
        {
            List<OutgoingEvent> read = [];
            _spool.Read(read, count, long.MaxValue);

            var expected = _waiting.GetRange(_out, Math.Min(count, _waiting.Count - _out));
            Assert.Equal(SpoolFile.NumbersOf(expected), SpoolFile.NumbersOf(read));
            _waiting.RemoveRange(_out, read.Count);
            _waiting.InsertRange(_out, read);
            _out += read.Count;
        }

        private void Confirm(int count)
        {
            // As a sender would: the positions of this run of the spool, not of one before.
            _spool.Confirm(_waiting[count - 1].SpoolEnd, count);
            _waiting.RemoveRange(0, count);
            _out -= count;
        }

        private static long Size(OutgoingEvent outgoing) => SpoolFormat.RecordBytesOf(outgoing);
    }
}
