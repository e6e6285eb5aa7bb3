;;; A host of the worker with jsonrpc.el.  Prints one JSON object.  -*- lexical-binding: t -*-

(require 'cl-lib)
(require 'jsonrpc)

(defvar available nil "The first record that says available.")
(defvar exit-code nil "The worker's exit code.")
(defvar cancelled nil "The outcome of the cancelled request.")

(defvar scenario
  (with-temp-buffer
    (insert-file-contents (pop command-line-args-left))
    (json-parse-buffer :object-type 'plist :array-type 'list)))
(defvar address (plist-get scenario :address))

(defun on-notification (_worker method params)
  (when (eq method 'presence/changed)
    (mapc (lambda (change)
            (when (equal (plist-get change :state) "available")
              (setq available change)))
          (plist-get params :changes))))

(defvar worker
  (jsonrpc-process-connection
   :name "worker"
   :process (lambda ()
              (make-process :name "worker"
                            :command (plist-get scenario :worker)
                            :connection-type 'pipe
                            :coding 'utf-8-emacs-unix
                            :noquery t
                            :stderr (get-buffer-create "*worker stderr*")))
   :notification-dispatcher #'on-notification
   :on-shutdown (lambda (connection)
                  (setq exit-code (process-exit-status (jsonrpc--process connection))))))

(defun call (method params)
  (jsonrpc-request worker method params :timeout 20))

(defun error-of (method params)
  (condition-case signal (progn (call method params) nil)
    (jsonrpc-error
     (list :code (alist-get 'jsonrpc-error-code (cdr signal))
           :message (alist-get 'jsonrpc-error-message (cdr signal))))))

(defun wait-for (condition)
  (with-timeout (20 (error "Timed out"))
    (while (not (funcall condition)) (accept-process-output nil 0.1))))

(defun phase-by (params)
  (plist-get (call :worker/status params) :phase))

(defvar report nil)
(defun report (&rest members)
  (setq report (append report members)))

;; The library sends nil as null.
(report :phases (vector (phase-by nil) (phase-by []) (phase-by (make-hash-table)))
        :openrpc (plist-get (call :rpc.discover nil) :openrpc)
        :unknown (error-of :presence/Get nil)
        :invalid (error-of :presence/get nil))
(jsonrpc-notify worker :initialized nil)
(jsonrpc-notify worker :no/such/method nil)
(call :authorization/setClient (plist-get scenario :client))
(report :authorization (call :authorization/import (plist-get scenario :grant))
        :subscription (call :presence/subscribe `(:uris [,address])))

;; The public function does not return the id.
(let ((waiting (jsonrpc--async-request-1
                worker :presence/get `(:uri ,address :maxWaitMs 30000)
                :success-fn (lambda (record) (setq cancelled record))
                :error-fn (lambda (error) (setq cancelled error)))))
  (jsonrpc-notify worker :$/cancelRequest `(:id ,(car waiting))))
(wait-for (lambda () cancelled))
(wait-for (lambda () available))
(report :cancelled cancelled
        :changed available
        :record (call :presence/get `(:uri ,address))
        :shutdown (call :shutdown nil))
(jsonrpc-notify worker :exit nil)
(wait-for (lambda () exit-code))
(report :exitCode exit-code)
(princ (json-serialize report :null-object nil))
