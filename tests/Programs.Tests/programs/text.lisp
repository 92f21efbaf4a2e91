; Lists, hash tables, bignums, closures, conditions and the collection of garbage, with a line of the input at a time.
(defvar *counts* (make-hash-table :test 'equal))
(defvar *kept* '())
(defvar *product* 1)

(defun words (line)
  (loop for start = 0 then (1+ end)
        for end = (position #\Space line :start start)
        collect (subseq line start end)
        while end))

(defun counter ()
  (let ((count 0)) (lambda () (incf count))))

(let ((next (counter)))
  (loop for line = (read-line *standard-input* nil)
        while line
        do (let ((number (funcall next)))
             (dolist (word (words line)) (incf (gethash word *counts* 0)))
             (push (copy-seq line) *kept*)
             (setf *product* (mod (* *product* (+ number (expt 7 40))) (expt 10 60)))
             (when (zerop (mod number 50))
               (setf *kept* (subseq *kept* 0 10))
               (gc)
               (format t "~d ~d ~a~%" number (hash-table-count *counts*) *product*)))))

(let ((all '()))
  (maphash (lambda (word count) (push (cons word count) all)) *counts*)
  (setf all (sort all (lambda (a b) (or (> (cdr a) (cdr b)) (and (= (cdr a) (cdr b)) (string< (car a) (car b)))))))
  (format t "~{~a~%~}" (mapcar (lambda (pair) (format nil "~a ~d" (car pair) (cdr pair))) (subseq all 0 5))))
(print (handler-case (/ 1 (length "")) (division-by-zero () 'divided)))
(print (/ (reduce #'* (loop for i from 1 to 60 collect i)) (expt 3 50)))
